"""Pairs of a spoilt and a clean photo: from a folder of `*_real` / `*_mean` files, or made from the clean originals."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.harm import read
from bench.split import originals
from transforms.imaging.types import Pixels


def add_arguments(parser: argparse.ArgumentParser, photos: int) -> None:
    parser.add_argument("--set", dest="data", type=Path, default=Path("../shared/data"), metavar="DIR")
    parser.add_argument("--part", choices=("reporting", "tuning"), default="reporting")
    parser.add_argument("--limit", type=int, default=photos, help="photos")
    parser.add_argument("--side", type=int, default=640, help="longest side, pixels")


def clean(args: argparse.Namespace) -> Iterator[Pixels]:
    """Clean references; the uploads, compressed as they are, are no reference for fine detail."""
    found = (one for one in originals(args.data, args.part) if one.kind in ("studio", "shop", "photos"))
    for number, original in enumerate(found):
        if number >= args.limit:
            return
        pixels = read(original.path, args.side)
        if pixels is not None:
            yield pixels


def paired(folder: Path) -> Iterator[tuple[str, Pixels, Pixels]]:
    """Name, noisy and clean photo of each pair `NAME_real.EXT` and `NAME_mean.EXT` under a folder."""
    for noisy in sorted(folder.rglob("*_[Rr]eal.*")):
        for word in ("mean", "Mean"):
            mean = noisy.with_name(noisy.name.replace("_real", f"_{word}").replace("_Real", f"_{word}"))
            if mean.exists():
                one, other = read(noisy, 100_000), read(mean, 100_000)
                if one is not None and other is not None:
                    yield noisy.name, one, other
                break


def psnr(pixels: Pixels, reference: Pixels) -> float:
    """Peak signal to noise ratio, dB; 99 for the same photo."""
    error = float(np.square(pixels.astype(np.float64) - reference).mean())
    return 99.0 if error == 0 else float(10 * np.log10(255.0**2 / error))
