"""How fast a run is, against a bare loop over the same functions, and what each stage costs one core.

    python -m bench.speed FOLDER [--photos 400] [--workers 1]      the ratio: pipeline / bare loop, in one process
    python -m bench.speed --sizes                                  core-milliseconds by stage for 400 px, 1.4 MP and 12 MP
    python -m bench.speed FOLDER --cleanvision PYTHON              cleanvision's nine checks on the same folder, by an interpreter
                                                                   that has it (pip install cleanvision)

The two sides take turns over the same photos, so that a machine whose speed drifts drifts for both. Where other work shares the
machine, the ratio by core time says more than that by the clock.
"""

import argparse
import contextlib
import io
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from models.scorer import load
from pipelines import cli, config
from pipelines.run_file import maker
from transforms import steps
from transforms.one_core import work_on_one_core
from transforms.records import ImageEvent
from transforms.sinks.images import write_image
from transforms.sinks.output import open_output

SIZES = {"400 px": (533, 400), "1.4 MP": (1340, 1080), "12 MP": (4000, 3000)}
STAGES = ("fetch", "assess", "score", "judge", "mend", "write")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--photos", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--sizes", action="store_true")
    parser.add_argument("--cleanvision", metavar="PYTHON")
    parser.add_argument(
        "--core-hour", type=float, default=0.05, help="what a core-hour costs you; .05 is an assumption"
    )
    args = parser.parse_args()
    work_on_one_core()
    if args.sizes:
        by_size(args.folder, args.core_hour)
        return
    with tempfile.TemporaryDirectory() as scratch:
        photos = sample(args.folder, args.photos, Path(scratch) / "in")
        against_a_loop(photos, args.rounds, args.workers, Path(scratch))
        if args.cleanvision:
            against_cleanvision(photos, args.cleanvision, args.rounds, args.workers, Path(scratch))


def sample(folder: Path, count: int, to: Path) -> list[Path]:
    """Copy `count` photos, evenly taken, to a folder of their own."""
    names = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    chosen = names[:: max(1, len(names) // count)][:count]
    to.mkdir(parents=True)
    for path in chosen:
        shutil.copy(path, to)
    return sorted(to.iterdir())


def loop(photos: Sequence[Path], output: str) -> tuple[float, float]:
    """Seconds and core-seconds of a bare loop: the same functions in the same order, images written, no graph and no tables."""
    settings = config.load(None, {})
    scorer, place = load(form="auto"), open_output(output)
    made_by = maker(settings, scorer)
    began, core = time.perf_counter(), time.process_time()
    for path in photos:
        event = ImageEvent(event_id=path.name, uri=path.absolute().as_uri())
        case = steps.fetch(event, settings.fetch, settings.rules)
        case = steps.examine(case, settings.rules, scorer.opinion)
        steps.record(case, made_by, lambda data: write_image(place, data, "jpg"))
    return time.perf_counter() - began, time.process_time() - core


def pipeline(photos: Sequence[Path], output: str, workers: int) -> tuple[float, float, dict[str, float]]:
    """Seconds and core-seconds of a run over the photos' folder, start-up of the process apart, and core-milliseconds by stage."""
    began, core = time.perf_counter(), time.process_time()
    argv = ["batch", "--quiet", "--input", str(photos[0].parent), "--output", output, "--run-workers", str(workers)]
    with contextlib.redirect_stdout(io.StringIO()):
        code = cli.main(argv)
    seconds, core = time.perf_counter() - began, time.process_time() - core
    if code:
        raise SystemExit(code)
    stages = json.loads((Path(output) / "run.json").read_text())["stages"]
    return seconds, core, {name: stage["core_ms"] / len(photos) for name, stage in stages.items()}


def against_a_loop(photos: Sequence[Path], rounds: int, workers: int, scratch: Path) -> None:
    pipeline(photos[:1], str(scratch / "warm"), workers)
    loop(photos[:4], str(scratch / "warm-loop"))
    ratios, core_ratios, count = [], [], len(photos)
    for turn in range(rounds):
        bare, bare_core = loop(photos, str(scratch / f"loop-{turn}"))
        run, core, stages = pipeline(photos, str(scratch / f"run-{turn}"), workers)
        ratios.append(bare / run)
        core_ratios.append(bare_core / core)
        print(
            f"  loop {count / bare:6.1f}/s {bare_core / count * 1e3:6.1f} core-ms a photo"
            f"   pipeline {count / run:6.1f}/s {core / count * 1e3:6.1f} core-ms"
        )
    print(
        f"{count} photos, {workers} worker(s): pipeline / bare loop {statistics.median(ratios):.2f} by the clock (goal .85), "
        f"{statistics.median(core_ratios):.2f} by core time"
    )
    total = sum(stages.values())
    print(
        "core-ms a photo: "
        + ", ".join(f"{name} {ms:.1f}" for name, ms in stages.items())
        + f"; without the model {total - stages['score']:.1f}"
    )


_CLEANVISION = """
import resource, sys, time
from cleanvision import Imagelab
def core():
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
lab = Imagelab(data_path=sys.argv[1], verbose=False)
began, spent = time.perf_counter(), core()
lab.find_issues(verbose=False)
print(time.perf_counter() - began, core() - spent)
"""
"""Prints seconds and core-seconds of the nine checks, its worker processes' included, without its imports."""


def against_cleanvision(photos: Sequence[Path], python: str, rounds: int, workers: int, scratch: Path) -> None:
    ratios, core_ratios, count = [], [], len(photos)
    for turn in range(rounds):
        argv = [python, "-c", _CLEANVISION, str(photos[0].parent)]
        done = subprocess.run(argv, capture_output=True, text=True, check=True)
        theirs, their_core = map(float, done.stdout.split()[-2:])
        ours, core, _ = pipeline(photos, str(scratch / f"versus-{turn}"), workers)
        ratios.append(theirs / ours)
        core_ratios.append(their_core / core)
        print(
            f"  cleanvision {count / theirs:6.1f}/s {their_core / count * 1e3:6.1f} core-ms a photo"
            f"   vitrine {count / ours:6.1f}/s {core / count * 1e3:6.1f} core-ms"
        )
    print(
        "vitrine with the model on every photo / cleanvision's nine checks: "
        f"{statistics.median(ratios):.2f} by the clock, {statistics.median(core_ratios):.2f} by core time"
    )


def by_size(folder: Path | None, core_hour: float) -> None:
    """Core-milliseconds by stage; the photos are mosaics of those in `folder` (default: the samples)."""
    settings, scorer = config.load(None, {}), load(form="auto")
    made_by = maker(settings, scorer)
    print(f"{'core-ms a photo':<16}" + "".join(f"{stage:>9}" for stage in STAGES) + f"{'all':>9}{'a million':>15}")
    timed(mosaics(folder or Path("samples"), *SIZES["400 px"], 1)[0], settings, scorer, made_by)  # what is loaded once
    for name, (height, width) in SIZES.items():
        spent: dict[str, list[float]] = {stage: [] for stage in STAGES}
        for data in mosaics(folder or Path("samples"), height, width, 12):
            for stage, seconds in timed(data, settings, scorer, made_by).items():
                spent[stage].append(seconds * 1e3)
        means = {stage: statistics.fmean(values) for stage, values in spent.items()}
        cost = sum(means.values()) / 3.6e6 * 1e6 * core_hour
        print(
            f"{name:<16}" + "".join(f"{means[s]:>9.1f}" for s in STAGES) + f"{sum(means.values()):>9.1f}{cost:>15.2f}"
        )
    print(f"a million photos, where a core-hour costs {core_hour}")


def timed(data: bytes, settings: config.Config, scorer: object, made_by: object) -> dict[str, float]:
    """Core-seconds of each stage on one photo."""
    with tempfile.NamedTemporaryFile(suffix=".jpg") as file, tempfile.TemporaryDirectory() as out:
        file.write(data)
        file.flush()
        place = open_output(out)
        spent: dict[str, float] = {}

        def step(stage: str, work):
            began = time.thread_time()
            result = work()
            spent[stage] = spent.get(stage, 0.0) + time.thread_time() - began
            return result

        event = ImageEvent(event_id="bench", uri=Path(file.name).as_uri())
        case = step("fetch", lambda: steps.fetch(event, settings.fetch, settings.rules))
        case = step("assess", lambda: steps.assess(case, settings.rules))
        case = step("score", lambda: steps.opine(case, scorer.opinion))
        case = step("judge", lambda: steps.judge(case, settings.rules))
        case = step("mend", lambda: steps.mend(case, settings.rules))
        step("write", lambda: steps.record(case, made_by, lambda image: write_image(place, image, "jpg")))
    return spent


def mosaics(folder: Path, height: int, width: int, count: int) -> list[bytes]:
    """JPEGs of the given size, put together from whole photos at their own resolution."""
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.glob("*.jpg")) if _is_photo(path)]
    made = []
    for turn in range(count):
        canvas = np.zeros((height, width, 3), np.uint8)
        y, at = 0, turn
        while y < height:
            x, row = 0, 0
            while x < width:
                part = pictures[at % len(pictures)][: height - y, : width - x]
                canvas[y : y + part.shape[0], x : x + part.shape[1]] = part
                x, row, at = x + part.shape[1], max(row, part.shape[0]), at + 1
            y += row
        buffer = io.BytesIO()
        Image.fromarray(canvas).save(buffer, "JPEG", quality=90)
        made.append(buffer.getvalue())
    return made


def _is_photo(path: Path) -> bool:
    try:
        Image.open(path).verify()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
