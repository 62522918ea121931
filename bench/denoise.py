"""Every denoiser on the same noise: dB gained over the input, the worst photo, and how many are worse than their input."""

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from bench.camera import draw, shoot
from bench.pairs import add_arguments as add_common
from bench.pairs import clean, paired, psnr
from bench.spoil import noise, white_noise
from transforms.imaging.operations import OPERATIONS
from transforms.imaging.types import Header, Photo, Pixels

METHODS = ("denoise", "sliding-dct", "tv", "nlm", "bilateral", "median")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_common(parser, 12)
    parser.add_argument("--pairs", type=Path, metavar="DIR", help="real pairs: NAME_real.EXT and NAME_mean.EXT")


def main(args: argparse.Namespace) -> int:
    cv2.setNumThreads(1)
    if args.pairs is not None:
        found = [(noisy, mean) for _, noisy, mean in paired(args.pairs)]
        print(
            _table(f"{len(found)} pairs of {args.pairs}", found) if found else f"not measured: no pairs in {args.pairs}"
        )
        return 0
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
    before = np.array([psnr(noisy, mean) for noisy, mean in cases])
    lines = [f"{title}: input {before.mean():.2f} dB", "  method        dB   gained   worst  worse  s/MP"]
    for method in METHODS:
        started = time.process_time()
        after = np.array([psnr(_apply(method, noisy), mean) for noisy, mean in cases])
        rate = (time.process_time() - started) / (sum(noisy.size for noisy, _ in cases) / 3e6)
        gained = after - before
        lines.append(
            f"  {method:<11} {after.mean():>5.2f} {gained.mean():>+8.2f} {gained.min():>+7.2f} "
            f"{(gained < 0).sum():>6} {rate:>5.2f}"
        )
    return "\n".join(lines)


def _apply(method: str, pixels: Pixels) -> Pixels:
    photo = Photo(pixels, Header("png", pixels.shape[1], pixels.shape[0], "RGB"))
    return OPERATIONS[method][0](photo, 1.0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    sys.exit(main(parser.parse_args()))
