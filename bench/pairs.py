"""Pairs of a spoilt and a clean photo: from a folder of `*_real` / `*_mean` files, or made from the clean originals."""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from bench.harm import read
from bench.split import originals
from transforms.imaging.operations import OPERATIONS
from transforms.imaging.types import Header, Photo, Pixels


def add_arguments(parser: argparse.ArgumentParser, photos: int) -> None:
    parser.add_argument(
        "--pairs", type=Path, metavar="DIR", help="real pairs instead: NAME_real.EXT and NAME_mean.EXT, as they are"
    )
    parser.add_argument(
        "--set",
        dest="data",
        type=Path,
        default=Path("../shared/data"),
        metavar="DIR",
        help="folder with references (default: %(default)s)",
    )
    parser.add_argument(
        "--part", choices=("reporting", "tuning"), default="reporting", help="of the references (default: reporting)"
    )
    parser.add_argument("--limit", type=int, default=photos, metavar="N", help="photos (default: %(default)s)")
    parser.add_argument(
        "--side", type=int, default=640, metavar="PIXELS", help="longest side of a photo (default: %(default)s)"
    )


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
    """Name, spoilt and clean photo of each pair `NAME_real.EXT` and `NAME_mean.EXT` under a folder; what is no pair is said."""
    for spoilt in sorted(folder.rglob("*_[Rr]eal.*")):
        named = (
            spoilt.with_name(spoilt.name.replace("_real", f"_{word}").replace("_Real", f"_{word}"))
            for word in ("mean", "Mean")
        )
        mean = next((path for path in named if path.exists()), None)
        one, other = read(spoilt, 100_000), None if mean is None else read(mean, 100_000)
        if one is not None and other is not None and one.shape == other.shape:
            yield spoilt.name, one, other
        else:
            print(f"{spoilt.name}: left out, there is no photo of its size named _mean", file=sys.stderr)


def measure_pairs(folder: Path, methods: Sequence[str], distance: Callable[[Pixels, Pixels], float], unit: str) -> int:
    """Print what each operation, without a guard, makes of a folder's pairs, or that there is nothing to measure.

    Args:
        folder: of the pairs.
        methods: names of `OPERATIONS`.
        distance: of a photo from the clean one; where `unit` is dB more is better, else less.
        unit: of the distance.
    """
    cases = [(spoilt, clean) for _, spoilt, clean in paired(folder)]
    print(
        gains(f"{len(cases)} pairs of {folder}", cases, methods, distance, unit) if cases else "not measured: no pairs"
    )
    return 0


def gains(
    title: str,
    cases: Sequence[tuple[Pixels, Pixels]],
    methods: Sequence[str],
    distance: Callable[[Pixels, Pixels], float],
    unit: str,
) -> str:
    """A table of what each operation gains on pairs of a spoilt and a clean photo; arguments as of `measure_pairs`."""
    sign = 1.0 if unit == "dB" else -1.0
    before = np.array([distance(spoilt, clean) for spoilt, clean in cases])
    lines = [f"{title}: input {before.mean():.2f} {unit}", f"  method     {unit:>7}   gained   worst  worse  s/MP"]
    for method in methods:
        started = time.process_time()
        mended = [_apply(method, spoilt) for spoilt, _ in cases]
        rate = (time.process_time() - started) / (sum(spoilt.size for spoilt, _ in cases) / 3e6)
        after = np.array([distance(pixels, clean) for pixels, (_, clean) in zip(mended, cases, strict=True)])
        gained = sign * (after - before)
        lines.append(
            f"  {method:<11} {after.mean():>5.2f} {gained.mean():>+8.2f} {gained.min():>+7.2f} "
            f"{(gained < 0).sum():>6} {rate:>5.2f}"
        )
    return "\n".join(lines)


def _apply(method: str, pixels: Pixels) -> Pixels:
    return OPERATIONS[method][0](Photo(pixels, Header("png", pixels.shape[1], pixels.shape[0], "RGB")), 1.0)


def psnr(pixels: Pixels, reference: Pixels) -> float:
    """Peak signal to noise ratio, dB; 99 for the same photo."""
    error = float(np.square(pixels.astype(np.float64) - reference).mean())
    return 99.0 if error == 0 else float(10 * np.log10(255.0**2 / error))
