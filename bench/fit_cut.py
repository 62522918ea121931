"""Fit the detector of products that the frame cuts: uploads with a third, or a ninth, cut off, against those as they came.

    python -m bench.fit_cut ../shared/data             # five-fold by seller; prints a table
    python -m bench.fit_cut ../shared/data --write     # and writes measures/cut_weights.json, fitted on all

Uploads that either look called cut off are no examples of whole ones, and what is cut must hold a tenth of the product to
be an example. Of the uploads that nobody looked at some are cut off in truth, so the share called false is too high if
anything. Studio photos and those of shops, people cut at the knee among them, are examples of photos that are fine. The last
three rows are the policy's points.
"""

import argparse
import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from bench.line import fold
from bench.network import fit_network, store
from transforms.imaging import spoil
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.measures.cut import SIDES, describe_sides
from transforms.imaging.measures.network import Network
from transforms.imaging.measures.region import find_region
from transforms.imaging.measures.view import shrink
from transforms.imaging.policy import Thresholds
from transforms.imaging.types import Pixels

WEIGHTS = Path(__file__).parent.parent / "transforms" / "imaging" / "measures" / "cut_weights.json"
FOLDS = 5
UNITS, STEPS, NOISE = 12, 3000, 0.1
LEAST_LOST = 0.1
SHARES = {"third": 1 / 3, "ninth": 1 / 9}
WEIGHT = {"uploads": 1.0, "studio": 0.25, "shop": 0.25, "third": 0.5, "ninth": 0.1}
FALSE = (0.05, 0.02, 0.01)


@dataclass(frozen=True)
class Described:
    """A photo: its kind and group, whether a look called it cut off, and how it meets its sides, whole and cut.

    `cut` has sides x sides x features for each share: the first side is the one that was cut, the second the one
    described; `lost` is the share of the product beyond each third.
    """

    kind: str
    group: str
    named: bool
    whole: np.ndarray
    cut: dict[str, np.ndarray]
    lost: np.ndarray


def describe_photo(kind: str, group: str, named: bool, pixels: Pixels) -> Described:
    """Describe a photo whole and, if it is an upload, cut at each side."""
    region = find_region(shrink(pixels, 256))
    whole = describe_sides(region)
    if kind != "uploads":
        return Described(kind, group, named, whole, {}, np.zeros(4))
    cut = {}
    for name, share in SHARES.items():
        parts = [find_region(shrink(spoil.cut_third(pixels, side, share), 256)) for side in range(len(SIDES))]
        cut[name] = np.array([describe_sides(part) for part in parts])
    kept = [spoil.cut_third(region.mask, side).sum() for side in range(len(SIDES))]
    return Described(kind, group, named, whole, cut, 1 - np.array(kept) / region.mask.sum())


def read(data: Path) -> list[Described]:
    """Describe all photos."""
    with (data / "verdicts" / "verdicts.csv").open() as table:
        named = {row["file"] for row in csv.DictReader(table) if "cut_off" in row["reasons_a"] + row["reasons_b"]}
    with (data / "uploads" / "uploads.csv").open() as table:
        files = [("uploads", row["seller_id"], data / "uploads" / row["file"]) for row in csv.DictReader(table)]
    for kind in ("studio", "shop"):
        files += [(kind, path.name.split("-")[0], path) for path in sorted((data / "references" / kind).glob("*.*g"))]
    return [
        describe_photo(kind, group, path.name in named, decode(path.read_bytes(), DecodeLimits()).pixels)
        for kind, group, path in files
    ]


def fit(photos: Sequence[Described]) -> Network:
    """Fit the network to the sides of whole photos and to those that were cut."""
    rows, truth, weight = [], [], []
    for photo in photos:
        if not photo.named:
            rows += list(photo.whole)
            truth += [0] * len(SIDES)
            weight += [WEIGHT[photo.kind]] * len(SIDES)
        for name, cut in photo.cut.items():
            for side in np.flatnonzero(photo.lost > LEAST_LOST):
                rows.append(cut[side, side])
                truth.append(1)
                weight.append(WEIGHT[name])
    return fit_network(np.array(rows), np.array(truth), np.array(weight), UNITS, STEPS, NOISE)


def odds(network: Network, sides: np.ndarray) -> np.ndarray:
    """Return the log-odds of the likeliest side."""
    return np.asarray(network.odds(sides).max(axis=-1))


def main() -> None:
    """Cross-validate, print the table and, if asked, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    photos = read(args.data)
    whole: dict[str, list[float]] = {"uploads": [], "studio": [], "shop": [], "named": []}
    cut: dict[str, list[np.ndarray]] = {name: [] for name in SHARES}
    for held in range(FOLDS):
        network = fit([p for p in photos if fold(p.group, FOLDS) != held])
        for photo in (p for p in photos if fold(p.group, FOLDS) == held):
            whole["named" if photo.named else photo.kind].append(float(odds(network, photo.whole)))
            for name, sides in photo.cut.items():
                cut[name].append(odds(network, sides))
    print("log-odds   uploads   studio     shop   named cut off   third cut   ninth cut")
    levels = [float(np.quantile(whole["uploads"], 1 - false)) for false in FALSE]
    for level in [*levels, *Thresholds().cut_off]:
        rates = [np.mean(np.array(whole[kind]) > level) for kind in ("uploads", "studio", "shop", "named")]
        rates += [np.mean(np.array(cut[name]) > level) for name in SHARES]
        widths = (9, 8, 8, 15, 11, 11)
        print(f"{level:8.2f} " + " ".join(f"{rate:{width}.3f}" for rate, width in zip(rates, widths, strict=True)))
    if args.write:
        store(fit(photos), WEIGHTS)


if __name__ == "__main__":
    main()
