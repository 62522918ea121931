"""Every denoiser on the same noise: dB gained over the input, the worst photo, and how many are worse than their input."""

import argparse
import sys

import cv2
import numpy as np

from bench.camera import draw, shoot
from bench.pairs import add_arguments as add_common
from bench.pairs import clean, gains, measure_pairs, psnr
from bench.spoil import noise, white_noise
from transforms.imaging.types import Pixels

METHODS = ("denoise", "sliding-dct", "tv", "nlm", "bilateral", "median")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_common(parser, 12)


def main(args: argparse.Namespace) -> int:
    cv2.setNumThreads(1)
    if args.pairs is not None:
        return measure_pairs(args.pairs, METHODS, psnr, "dB")
    if not (args.data / "references").is_dir():
        print(f"not measured: no photos under {args.data}")
        return 0
    photos = list(clean(args))
    rng = np.random.default_rng(0)
    print(_table(f"as cameras write it, {len(photos)} photos", [shoot(one, draw(rng), rng) for one in photos]))
    for name, spoil, levels in (("camera", noise, (2.0, 5.0, 12.0)), ("white", white_noise, (5.0, 15.0, 30.0))):
        for level in levels:
            rng = np.random.default_rng(round(level))
            print(
                _table(
                    f"{name} noise {level:g}, {len(photos)} photos", [(spoil(one, level, rng), one) for one in photos]
                )
            )
    return 0


def _table(title: str, cases: list[tuple[Pixels, Pixels]]) -> str:
    return gains(title, cases, METHODS, psnr, "dB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    sys.exit(main(parser.parse_args()))
