"""Fit the line that tells enlargement by one and a half and more, on the numbers that the detector of blur reads.

    python -m bench.fit_enlarged ../shared/data             # five-fold by seller and SKU; prints a table
    python -m bench.fit_enlarged ../shared/data --write     # and writes measures/enlarged_weights.json, fitted on all

Enlarging twice leaves edges a little soft, which one detector for all kinds of blur must let pass; but it leaves nothing at all
between a pixel and its neighbour that an interpolation would not have put there, which this one is fitted to. Half of all
variants, those as they came included, are compressed once more.
"""

import argparse
import csv
import json
import random
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from bench.line import Line, fit_line, fold
from transforms.imaging import spoil
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.measures.structure import describe, structure
from transforms.imaging.measures.view import DETAIL_SIDE, shrink
from transforms.imaging.types import Pixels

WEIGHTS = Path(__file__).parent.parent / "transforms" / "imaging" / "measures" / "enlarged_weights.json"
FOLDS = 5
PENALTY = 1.0
FALSE = (0.05, 0.03, 0.02, 0.01)
_BY = (cv2.INTER_CUBIC, cv2.INTER_LINEAR, cv2.INTER_LANCZOS4)


def variants(data: Path) -> Iterator[tuple[str, str, Pixels]]:
    """Yield (kind, group, pixels): as they came, and enlarged, each with and without another JPEG."""
    rng = random.Random(0)
    with (data / "uploads" / "uploads.csv").open() as table:
        files = [("", "seller" + row["seller_id"], data / "uploads" / row["file"]) for row in csv.DictReader(table)]
    studio = sorted((data / "references" / "studio").glob("*.jpg"))[::2]
    files += [("studio ", "sku" + path.name.split("-")[0], path) for path in studio]
    for turn, (kind, group, path) in enumerate(files):
        pixels = decode(path.read_bytes(), DecodeLimits()).pixels
        short = min(pixels.shape[:2])
        made = [("as it came", pixels), ("2x", spoil.enlarge(pixels, short // 2, rng.choice(_BY)))]
        if not kind:
            made.append(("1.6x", spoil.enlarge(pixels, round(short / 1.6), rng.choice(_BY))))
        for place, (name, photo) in enumerate(made):
            if place != turn % 3 or place == 0:
                yield kind + name, group, photo
            if place == turn % 3 or place == 0:
                yield kind + name + ", JPEG", group, spoil.compress(photo, rng.randint(70, 95))


def main() -> None:
    """Cross-validate, print the table and, if asked, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [(kind, fold(group, FOLDS), _numbers(pixels)) for kind, group, pixels in variants(args.data)]
    kinds, folds = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    x, truth = np.array([row[2] for row in rows]), np.array(["as it came" not in row[0] for row in rows]).astype(int)
    odds = np.zeros(len(x))
    for held in range(FOLDS):
        odds[folds == held] = _fit(x[folds != held], truth[folds != held]).odds(x[folds == held])
    order = list(dict.fromkeys(kinds))
    print("log-odds" + "".join(f"{kind:>26}" for kind in order))
    for false in FALSE:
        level = float(np.quantile(odds[kinds == "as it came"], 1 - false))
        print(f"{level:8.2f}" + "".join(f"{np.mean(odds[kinds == kind] > level):26.3f}" for kind in order))
    if args.write:
        WEIGHTS.write_text(json.dumps(_fit(x, truth).stored()) + "\n", encoding="utf-8")


def _numbers(pixels: Pixels) -> np.ndarray:
    return describe(structure(cv2.cvtColor(shrink(pixels, DETAIL_SIDE), cv2.COLOR_RGB2GRAY)))


def _fit(x: np.ndarray, truth: np.ndarray) -> Line:
    return fit_line(x, truth, np.where(truth > 0, 0.5, 1.0), PENALTY, reach=4.0)


if __name__ == "__main__":
    main()
