"""The usual baselines beside our exposure and contrast: mean CIEDE2000 to the original, and how many each makes worse."""

import argparse
import sys

import cv2
import numpy as np

from bench.pairs import add_arguments as add_common
from bench.pairs import clean, measure_pairs
from bench.spoil import dark, low_contrast
from transforms.imaging.metrics.ciede2000 import mean_ciede2000
from transforms.imaging.operations import OPERATIONS
from transforms.imaging.types import Header, Photo

METHODS = ("exposure", "contrast", "alpha-beta", "equalize", "clahe")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_common(parser, 40)


def main(args: argparse.Namespace) -> int:
    cv2.setNumThreads(1)
    if args.pairs is not None:
        return measure_pairs(args.pairs, (*METHODS, "white-balance"), mean_ciede2000, "ΔE2000")
    if not (args.data / "references").is_dir():
        print(f"not measured: no photos under {args.data}")
        return 0
    photos = list(clean(args))
    print(f"{len(photos)} photos: mean CIEDE2000 to the original (photos made worse)")
    print("defect             input  " + "  ".join(f"{method:>13}" for method in METHODS))
    rng = np.random.default_rng(0)
    for name, spoil in (
        ("none", lambda one: one),
        ("2 stops dark", lambda one: dark(one, 2.0, rng)),
        ("60 % contrast lost", lambda one: low_contrast(one, 0.6, rng)),
    ):
        spoilt = [spoil(one) for one in photos]
        before = np.array([mean_ciede2000(bad, good) for bad, good in zip(spoilt, photos, strict=True)])
        cells = []
        for method in METHODS:
            after = np.array(
                [
                    mean_ciede2000(
                        OPERATIONS[method][0](Photo(bad, Header("png", bad.shape[1], bad.shape[0], "RGB")), 1.0), good
                    )
                    for bad, good in zip(spoilt, photos, strict=True)
                ]
            )
            cells.append(f"{after.mean():>7.2f} ({(after > before + 0.5).sum():>3})")
        print(f"{name:<18} {before.mean():>5.2f}  " + "  ".join(f"{cell:>13}" for cell in cells))
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    sys.exit(main(parser.parse_args()))
