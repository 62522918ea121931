"""How long the measures take, family by family, on one core: the fastest of many rounds, since other work only slows.

    python -m bench.measures PHOTO [PHOTO ...] [--rounds 20]

Decoding is not counted. `look` is what is computed once for all measures: copies, product region, structure function.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import cv2

from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.measures import FAMILIES, look


def fastest(work: Callable[[], object], rounds: int) -> float:
    """Return the least time of `rounds`, milliseconds."""
    best = float("inf")
    for _ in range(rounds):
        begin = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - begin)
    return best * 1e3


def main() -> None:
    """Print one column a photo."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--rounds", type=int, default=20)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    for path in args.photos:
        pixels = decode(path.read_bytes(), DecodeLimits()).pixels
        view = look(pixels)
        times = {"look": fastest(lambda pixels=pixels: look(pixels), args.rounds)}
        for family in FAMILIES:
            times[family.__name__.rsplit(".", 1)[1]] = fastest(lambda f=family, v=view: f.measure(v), args.rounds)
        print(f"{path.name}: {pixels.shape[1]} x {pixels.shape[0]}, {sum(times.values()):.1f} ms")
        for name, spent in sorted(times.items(), key=lambda item: -item[1]):
            print(f"    {name:12}{spent:8.2f}")


if __name__ == "__main__":
    main()
