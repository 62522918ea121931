"""The served forms of the model beside each other: size, load, speed by batch size, and how far they agree.

    python -m bench.forms [--photos 100]
    python -m bench.forms --verdicts [--photos 200]      how many uploads int8 judges otherwise than float32

Speed is core-milliseconds of whole photos, all tiles and heads, the least of many runs, and what two cores that each give as much
as one would do; with a GPU, photos a second by the clock besides.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from models.dataset import read_rgb
from models.scorer import FILES, FORMS, SHIPPED, Scorer, load
from models.tiles import cut
from pipelines import config
from pipelines.train import DATA
from transforms import steps
from transforms.imaging.types import Pixels
from transforms.records import ImageEvent

BATCHES = (1, 4, 16, 32)
RUNS = 12
REFERENCE = "savedmodel"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--photos", type=int, default=100)
    parser.add_argument("--verdicts", action="store_true")
    args = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    uploads = sorted((args.data / "uploads").glob("*.jpg"))
    uploads = uploads[:: max(1, len(uploads) // args.photos)][: args.photos]
    if args.verdicts:
        verdicts(uploads)
        return
    scorers = {form: load(form=form) for form in FORMS}
    tiles = np.stack([cut(read_rgb(path), scorers[REFERENCE].tiles) for path in uploads])

    print("| form | MB | loads in, s | " + " | ".join(f"batch {size}" for size in BATCHES) + " | two cores |")
    print("| --- " * (len(BATCHES) + 4) + "|")
    for form, scorer in scorers.items():
        spent = [speed(scorer, tiles[:size]) for size in BATCHES]
        cells = " | ".join(f"{each:.1f} ms" for each in spent)
        print(f"| {form} | {size_of(form) / 1e6:.1f} | {load_seconds(form):.2f} | {cells} | {2e3 / min(spent):.0f}/s |")
    print(gpu(scorers[REFERENCE], tiles))
    agreement(scorers, tiles)


def size_of(form: str) -> int:
    """Bytes of a form's files."""
    path = SHIPPED / FILES[form]
    return sum(file.stat().st_size for file in [path, *path.rglob("*")] if file.is_file())


def load_seconds(form: str) -> float:
    """CPU seconds from a loaded interpreter of Python to the first photo's score, in a process of its own."""
    script = (
        "import time\n"
        f"from models.scorer import load\n{'import tensorflow' if form == REFERENCE else 'import ai_edge_litert.interpreter'}\n"
        "began = time.process_time()\n"
        f"s = load(form={form!r})\ns.warm_up()\nprint(time.process_time() - began)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return float(done.stdout)


def speed(scorer: Scorer, tiles: Pixels, clock: Callable[[], float] = time.process_time) -> float:
    """Milliseconds for one photo of a batch."""
    times = []
    for _ in range(RUNS):
        began = clock()
        scorer.score(tiles, [{}] * len(tiles))
        times.append(clock() - began)
    return min(times) / len(tiles) * 1e3


def gpu(scorer: Scorer, tiles: Pixels) -> str:
    """The SavedModel on a GPU, or that there is none."""
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        return "\nno GPU found: the SavedModel ran on the CPU\n"
    spent = [speed(scorer, tiles[:size], time.perf_counter) for size in BATCHES]
    return "\nGPU: " + ", ".join(f"batch {size}: {1e3 / each:.0f}/s" for size, each in zip(BATCHES, spent, strict=True))


def agreement(scorers: dict[str, Scorer], tiles: Pixels) -> None:
    """Print how far scores and probabilities of each form lie from the reference."""
    told = {form: scorer.score(tiles, [{}] * len(tiles)) for form, scorer in scorers.items()}
    print(f"| against the SavedModel on {len(tiles)} uploads | mean | deviation | most | probability, most |")
    print("| --- " * 5 + "|")
    for form in FORMS:
        apart = np.array([a.score - b.score for a, b in zip(told[form], told[REFERENCE], strict=True)])
        odds = max(
            abs(a.defects[name] - b.defects[name])
            for a, b in zip(told[form], told[REFERENCE], strict=True)
            for name in a.defects
        )
        print(f"| {form} | {apart.mean():+.2f} | {apart.std():.2f} | {np.abs(apart).max():.2f} | {odds:.2f} |")


def verdicts(uploads: list[Path]) -> None:
    """Print how many uploads the int8 form judges otherwise than the float one, before mending, and how far scores lie apart."""
    settings = config.load(None, {})
    scorers = [load(form=form) for form in ("int8", "litert")]
    apart, differ, told = [], 0, 0
    for path in uploads:
        event = ImageEvent(event_id=path.name, uri=path.absolute().as_uri())
        case = steps.assess(steps.fetch(event, settings.fetch, settings.rules), settings.rules)
        mine, other = (steps.judge(steps.opine(case, scorer.opinion), settings.rules) for scorer in scorers)
        if mine.prediction and other.prediction:
            apart.append(mine.prediction.score - other.prediction.score)
        differ += mine.judgement.verdict != other.judgement.verdict
        codes, others = ({reason.code for reason in case.judgement.reasons} for case in (mine, other))
        told += codes != others
    print(
        f"{len(uploads)} uploads: {differ} verdicts and {told} sets of reasons differ; "
        f"scores {np.mean(apart):+.2f} on average, deviation {np.std(apart):.2f}, "
        f"{np.abs(apart).max():.2f} at most, {np.sum(np.abs(apart) > 2)} by more than 2 points"
    )


if __name__ == "__main__":
    main()
