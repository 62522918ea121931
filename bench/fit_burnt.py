"""Fit the two lines that tell too much light: photos as they came, against the same with one to three stops more.

    python -m bench.fit_burnt ../shared/data             # five-fold by seller and SKU; prints a table
    python -m bench.fit_burnt ../shared/data --write     # and writes measures/burnt_weights.json, fitted on all

`burnt` is fitted to 2.3 to 3.5 stops, `overexposed` to all from one stop on. Fine are uploads, studio, shop and other photos,
and uploads whose ground was made pure white (a seller's cut-out), which is no fault. The last rows are at the policy's points,
for `burnt` with the policy's condition that the product is lighter than middle grey.
"""

import argparse
import csv
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from bench.line import Line, fit_line, fold
from transforms.imaging import spoil
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.measures.clipping import NAMES, describe
from transforms.imaging.measures.region import find_region
from transforms.imaging.measures.view import shrink
from transforms.imaging.policy import Thresholds
from transforms.imaging.types import Pixels

WEIGHTS = Path(__file__).parent.parent / "transforms" / "imaging" / "measures" / "burnt_weights.json"
FOLDS = 5
PENALTY = 3.0
FINE = ("uploads", "on white", "studio", "shop", "photos")
SPOILT = {
    "overexposed": ("1 stop", "1.7 stops", "3 stops", "about 3, JPEG"),
    "burnt": ("3 stops", "about 3, JPEG", "studio, 3"),
}
_MEDIAN = NAMES.index("product_luma_50")
_MIDDLE_GREY = 0.461
"""Luma of middle grey, 18 % of the light, as a share of 255."""
FALSE = (0.05, 0.03, 0.01, 0.005, 0.0025)

Row = tuple[str, str, np.ndarray]


def variants(data: Path) -> Iterator[tuple[str, str, Pixels]]:
    """Yield (kind, group, pixels) of every photo as it came and with more light."""
    rng = np.random.default_rng(0)
    with (data / "uploads" / "uploads.csv").open() as table:
        uploads = [("seller" + row["seller_id"], data / "uploads" / row["file"]) for row in csv.DictReader(table)]
    for turn, (group, path) in enumerate(uploads):
        pixels = _read(path)
        yield "uploads", group, pixels
        yield "3 stops", group, spoil.expose(pixels, 3.0)
        yield "1 stop", group, spoil.expose(pixels, 1.0)
        if turn % 2 == 0:
            much = spoil.expose(pixels, float(rng.uniform(2.3, 3.5)))
            yield "about 3, JPEG", group, spoil.compress(much, int(rng.integers(60, 95)))
        else:
            yield "1.7 stops", group, spoil.expose(pixels, 1.7)
        cut_out = _on_white(shrink(pixels, 256))
        if cut_out is not None:
            yield "on white", group, cut_out
    for kind in ("studio", "shop", "photos"):
        for turn, path in enumerate(sorted((data / "references" / kind).glob("*.*g"))):
            pixels, group = _read(path), kind + path.name.split("-")[0]
            yield kind, group, pixels
            if kind == "studio" and turn % 3 == 0:
                yield "studio, 3", group, spoil.expose(pixels, 3.0)


def _read(path: Path) -> Pixels:
    return decode(path.read_bytes(), DecodeLimits()).pixels


def _on_white(pixels: Pixels) -> Pixels | None:
    """Put the product on pure white, None where it is not surely found."""
    region = find_region(pixels)
    if region.confidence < 0.85:
        return None
    share = cv2.GaussianBlur(region.mask.astype(np.float32), (0, 0), 1.0)[..., None]
    return np.clip(pixels * share + 255 * (1 - share), 0, 255).astype(np.uint8)


def described(kind: str, group: str, pixels: Pixels) -> Row:
    """Describe one variant as the measure does."""
    small = shrink(pixels, 256)
    region = find_region(small)
    return kind, group, describe(small, region.mask, region.confidence, region.plain)


def fit(rows: Sequence[Row], spoilt: Sequence[str]) -> Line:
    """Fit one line, of what is fine and of what is spoilt so."""
    chosen = [row for row in rows if row[0] in FINE or row[0] in spoilt]
    x, truth = np.array([row[2] for row in chosen]), np.array([int(row[0] in spoilt) for row in chosen])
    return fit_line(x, truth, np.ones(len(x)), PENALTY)


def main() -> None:
    """Cross-validate, print the tables and, if asked, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    rows = [described(*variant) for variant in variants(args.data)]
    stored: dict[str, object] = {"features": NAMES}
    for name, spoilt in SPOILT.items():
        odds: dict[str, list[float]] = {}
        light: dict[str, list[bool]] = {}
        for held in range(FOLDS):
            line = fit([row for row in rows if fold(row[1], FOLDS) != held], spoilt)
            for kind, group, values in rows:
                if fold(group, FOLDS) == held:
                    odds.setdefault(kind, []).append(float(line.odds(values)))
                    light.setdefault(kind, []).append(name != "burnt" or values[_MEDIAN] > _MIDDLE_GREY)
        print(f"{name}\nlog-odds" + "".join(f"{kind:>15}" for kind in odds))
        for false in FALSE:
            level = float(np.quantile(odds["uploads"], 1 - false))
            print(f"{level:8.2f}" + "".join(f"{np.mean(np.array(values) > level):15.4f}" for values in odds.values()))
        for level in Thresholds().burnt_out if name == "burnt" else Thresholds().bright[:2]:
            shares = [np.mean((np.array(odds[kind]) > level) & light[kind]) for kind in odds]
            print(f"{level:8.2f}" + "".join(f"{share:15.4f}" for share in shares) + "   (policy)")
        stored[name] = fit(rows, spoilt).stored()
    if args.write:
        WEIGHTS.write_text(json.dumps(stored) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
