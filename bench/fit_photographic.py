"""Fit the line that tells what is no photograph: photos, fine and spoilt, against pictures drawn by the seed.

    python -m bench.fit_photographic ../shared/data            # prints a table
    python -m bench.fit_photographic ../shared/data --write    # and writes measures/photographic_weights.json

Sellers, SKUs and photos are dealt into three thirds: one is fitted on, one gives the points of the policy, one is reported.
Each photo is there once more, spoilt in one way drawn by the seed: a ruined photo is a photo. `mixed` is left out, since there
are charts and clip-art in it. Of the pictures, each other one is fitted on; and each kind is left out once, to see whether one
that was never seen is told.
"""

import argparse
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

from bench.line import Line, fit_line, fold
from bench.odd_pictures import ODD, drawn
from models.dataset import human_rated
from models.distortions import DISTORTIONS
from models.graded import uploads
from models.references import references
from transforms.imaging.codec.decode import decode
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.measures import FAMILIES, look, measure, overlay, photographic, resolution
from transforms.imaging.measures.photographic import widen

WEIGHTS = Path(__file__).parent.parent / "transforms" / "imaging" / "measures" / "photographic_weights.json"
NAMES = tuple(
    declared.name
    for family in FAMILIES
    if family not in (overlay, resolution, photographic)
    for declared in family.MEASURES
    if declared.name != "jpeg_quality"
)
EACH = 60
"""Pictures of each kind."""
PENALTY = 10.0
FITTED, CALIBRATED, REPORTED = range(3)

Row = tuple[str, str, int, np.ndarray]
"""Kind, group, third, measures."""


def rows(data: Path) -> list[Row]:
    """Measures of all photos, of each spoilt once, and of drawn pictures."""
    photos = [(r.kind, r.group, r.path) for r in (*uploads(data), *references(data)) if r.kind != "mixed"]
    photos += [("rated", f"rated/{path.stem}", path) for path in human_rated(data).paths]
    asked = [(kind, group, fold(group, 3), path.read_bytes, -1) for kind, group, path in photos]
    asked += [
        (f"{kind}, spoilt", group, fold(group, 3), path.read_bytes, place % 10)
        for place, (kind, group, path) in enumerate(photos)
    ]
    for kind in ODD:
        for seed in range(EACH):
            third = FITTED if seed % 2 else REPORTED
            asked.append((kind, f"{kind}/{seed}", third, lambda kind=kind, seed=seed: drawn(kind, seed), -1))
    cv2.setNumThreads(1)

    def row(one: tuple) -> Row:
        kind, group, third, read, way = one
        photo = decode(read(), DecodeLimits())
        pixels, rng = photo.pixels, np.random.default_rng([way + 1, *group.encode()])
        if way >= 0:
            pixels = DISTORTIONS[way].spoil(pixels, float(rng.random()), rng)
        values = measure(look(pixels, photo.jpeg_quality), writing=False)
        return kind, group, third, np.array([values[name] for name in NAMES])

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(row, asked))


def fit(x: np.ndarray, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray, Line]:
    """Standardize over photos, and fit: what standardizes, and the line over the numbers and their squares."""
    photos = x[truth == 0]
    mean, scale = np.nan_to_num(np.nanmean(photos, axis=0)), np.nan_to_num(np.nanstd(photos, axis=0)) + 1e-6
    weight = np.where(truth == 1, 0.5 / (truth == 1).sum(), 0.5 / (truth == 0).sum()) * len(truth)
    return mean, scale, fit_line(widen(x, mean, scale), truth, weight, PENALTY)


def odds(fitted: tuple[np.ndarray, np.ndarray, Line], x: np.ndarray) -> np.ndarray:
    mean, scale, line = fitted
    return line.odds(widen(x, mean, scale))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    made = rows(args.data)
    kinds, x = np.array([row[0] for row in made]), np.stack([row[3] for row in made])
    thirds, odd = np.array([row[2] for row in made]), np.isin([row[0] for row in made], list(ODD))
    told = thirds == FITTED
    fitted = fit(x[told], odd[told].astype(int))
    found = odds(fitted, x)
    plain = np.isin(kinds, ["uploads", "studio"])
    calibrated = (thirds == CALIBRATED) & plain
    first, last = float(np.quantile(found[calibrated], 0.995)), float(found[calibrated].max())
    print(f"uploads and studio of the second third: 99.5 % below {first:.2f}, all below {last:.2f}\n")
    print("| kind | n | flagged from first | from last | median |\n| --- | --- | --- | --- | --- |")
    for kind in dict.fromkeys(kinds):
        here = found[(kinds == kind) & (thirds == REPORTED)]
        print(
            f"| {kind} | {len(here)} | {(here > first).mean():.1%} | {(here > last + 0.3).mean():.1%} | {np.median(here):.2f} |"
        )
    print("\nleft out of the fit: found from the same share of false ones")
    for kind in ODD:
        known = told & (kinds != kind)
        other = odds(fit(x[known], odd[known].astype(int)), x)
        print(f"| {kind} | {(other[kinds == kind] > np.quantile(other[calibrated], 0.995)).mean():.1%} |")
    if args.write:
        mean, scale, line = fitted
        # The line has a standardizing of its own: folded into its weights and offset.
        weights = line.weights / line.scale
        stored = {"names": list(NAMES)}
        for name, part in (("mean", mean), ("scale", scale), ("weights", weights)):
            stored[name] = [float(f"{value:.6g}") for value in part]
        stored["offset"] = round(float(line.offset - line.mean @ weights), 5)
        WEIGHTS.write_text(json.dumps(stored) + "\n", "utf-8")
        print(f"written to {WEIGHTS}")


if __name__ == "__main__":
    main()
