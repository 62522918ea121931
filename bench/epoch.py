"""What one epoch of a stream costs beside its photos, in core-milliseconds: the runner, the commit, the look-ups.

    python -m bench.epoch FOLDER [--sizes 1 8 128] [--rounds 5]

Time of the process on its cores, not of the clock: the least of the rounds, and of all of them the mean for `stages`, which is
what the photos themselves cost.
"""

import argparse
import itertools
import tempfile
import time
from contextlib import closing
from pathlib import Path

from pipelines import memory
from pipelines.config import Config
from pipelines.job import open_job
from pipelines.streaming.live_epoch import LiveEpochs
from pipelines.streaming.past import Past
from transforms.arrived import ARRIVED
from transforms.records import ImageEvent, dead_letter_row
from transforms.sinks.output import open_output
from transforms.sinks.tables import Tables

HEAD = f"{'photos':>7}{'all':>9}{'stages':>9}{'runner':>9}{'commit':>9}{'heaps':>8}{'sift':>8}   ms/photo beside the stages"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1, 8, 128])
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    photos = sorted(path for path in args.folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg"))
    with tempfile.TemporaryDirectory() as place:
        output = open_output(place)
        job = open_job(Config(), output)
        with closing(Tables(output)) as tables, closing(Past(output, tables.settings, job.maker)) as past:
            run = Rounds(tables, past, photos)
            run.epochs = LiveEpochs(job, 1)
            run(1), run(8)
            run.epochs.end()
            print(HEAD)
            for size in args.sizes:
                run.epochs = LiveEpochs(job, 1)
                rounds = [run(size) for _ in range(args.rounds)]
                stages = sum(run.epochs.end().seconds.values()) / args.rounds * 1e3
                best = min(rounds, key=lambda round_: round_["all"]) | {"stages": stages}
                best["runner"] = sum(round_["run"] for round_ in rounds) / args.rounds - stages
                beside = sum(best[name] for name in ("runner", "commit", "heaps", "sift")) / size
                columns = "".join(f"{best[name]:>{width}.1f}" for name, width in COLUMNS)
                print(f"{size:>7}{columns}{beside:>10.1f}", flush=True)


COLUMNS = (("all", 9), ("stages", 9), ("runner", 9), ("commit", 9), ("heaps", 8), ("sift", 8))


class Rounds:
    """Epochs of photos that no table has yet."""

    def __init__(self, tables: Tables, past: Past, photos: list[Path]):
        self.epochs: LiveEpochs
        self._tables, self._past, self._photos = tables, past, photos
        self._number = 0

    def __call__(self, size: int) -> dict[str, float]:
        """Return the core-milliseconds of one epoch by part."""
        events = []
        for _ in range(size):
            self._number += 1
            uri = f"https://photos.example/{self._number}.jpg"
            events.append(ImageEvent(f"e{self._number}", uri, f"{self._number:020d}"))
            ARRIVED[events[-1].event_id] = self._photos[self._number % len(self._photos)].read_bytes()
        at = [time.process_time()]
        self._past.sift(events)
        at.append(time.process_time())
        judged = self.epochs.begin(events).result()
        at.append(time.process_time())
        self._tables.commit_epoch(
            judged.rows, [dead_letter_row(one) for one in judged.dead_letters], {"b": self._number}
        )
        at.append(time.process_time())
        memory.give_back()
        at.append(time.process_time())
        sift, run, commit, heaps = ((after - before) * 1e3 for before, after in itertools.pairwise(at))
        all_ = (at[-1] - at[0]) * 1e3
        return {"all": all_, "run": run, "commit": commit, "heaps": heaps, "sift": sift}


if __name__ == "__main__":
    main()
