"""Seconds and memory of every operation and of the guard on one core, by megapixels."""

import argparse
import sys
import time
import tracemalloc

import cv2
import numpy as np

from transforms.imaging.guard import Bounds, Touches, broken_by_pixels
from transforms.imaging.operations import OPERATIONS
from transforms.imaging.types import Header, Photo, Pixels

SLOW = frozenset({"sparse", "nlm"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 3, 12])
    parser.add_argument("--only-operation", nargs="+", metavar="NAME", help="these operations alone")
    parser.add_argument("--slow", action="store_true", help="sparse coding and non-local means too")


def main(args: argparse.Namespace) -> int:
    cv2.setNumThreads(1)
    names = args.only_operation or [name for name in OPERATIONS if args.slow or name not in SLOW]
    print("seconds of one core (peak memory over the decoded photo's, as numpy sees it)")
    print("operation      " + "  ".join(f"{size:>6g} MP      " for size in args.megapixels))
    for name in [*names, "guard"]:
        cells = []
        for size in args.megapixels:
            pixels = _mosaic(size)
            photo = Photo(pixels, Header("jpeg", pixels.shape[1], pixels.shape[0], "RGB"), (), 30)
            started = time.process_time()
            _apply(name, photo)
            seconds = time.process_time() - started
            tracemalloc.start()
            _apply(name, photo)
            peak = tracemalloc.get_traced_memory()[1] / pixels.nbytes
            tracemalloc.stop()
            cells.append(f"{seconds:>6.2f} s {peak:>5.1f}x")
        print(f"{name:<14} " + "  ".join(cells), flush=True)
    return 0


def _apply(name: str, photo: Photo) -> None:
    if name == "guard":
        broken_by_pixels(photo.pixels, photo.pixels, Touches.TONE, Bounds())
    else:
        OPERATIONS[name][0](photo, 1.0)


def _mosaic(megapixels: float) -> Pixels:
    """A scene of soft shapes with some grain, dark enough for every operation to have work."""
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5)
    height = round(width * 3 / 4)
    rng = np.random.default_rng(0)
    scene = cv2.resize(rng.integers(20, 150, (height // 40, width // 40, 3), np.uint8), (width, height))
    grain = rng.normal(0, 5, (height, width, 1)).astype(np.float32)
    return np.clip(scene + grain, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    sys.exit(main(parser.parse_args()))
