"""Peak memory of a run against the number of photos: it must not grow.

    python -m bench.memory FOLDER [--counts 100 1000 10000]

Each count is one `vitrine batch` in a process of its own, over links to the folder's photos.
"""

import argparse
import itertools
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 1_000, 10_000])
    parser.add_argument("--epoch", type=int, default=1_000, help="photos in an epoch, the program's own default")
    args = parser.parse_args()
    photos = sorted(
        path.absolute() for path in args.folder.iterdir() if path.suffix.lower() in (".jpg", ".png", ".webp")
    )
    first = None
    for count in args.counts:
        peak, seconds = measure(photos, count, args.epoch)
        first = first or peak
        print(
            f"{count:>7} photos: peak {peak:7.0f} MB, {peak / first:.3f} of the first; {count / seconds:.1f}/s",
            flush=True,
        )


def measure(photos: list[Path], count: int, epoch: int) -> tuple[float, float]:
    """Return the peak resident memory in MB and the seconds of one run over `count` links to photos."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch, "in")
        folder.mkdir()
        for number, photo in enumerate(itertools.islice(itertools.cycle(photos), count)):
            (folder / f"{number:07}{photo.suffix}").symlink_to(photo)
        command = [sys.executable, "-m", "pipelines.cli", "batch", "--quiet", "--input", str(folder)]
        command += ["--output", str(Path(scratch, "out")), "--run-epoch-photos", str(epoch)]
        began = os.times().elapsed
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status:
            raise SystemExit(f"the run ended with status {status}")
        return usage.ru_maxrss / 1024, os.times().elapsed - began


if __name__ == "__main__":
    main()
