"""Fit the model that tells text laid over a photo from a product's own print, and report it on sellers that it never saw.

    python -m bench.fit_overlay ../shared/data --features /tmp/overlay.npz           # describes once, then fits; prints a table
    python -m bench.fit_overlay ../shared/data --features /tmp/overlay.npz --write   # and writes measures/overlay_weights.json

Lines of text are found in photos as they are and in photos with text laid over them or printed on the product (`overlays.py`).
Five-fold cross-validation by seller and SKU; the threshold is then set on one half of the sellers and SKUs at 1 % of the clean
photos, and the table is of the other half; its last column counts only photos in which writing was found. What is written is
fitted on all.
"""

import argparse
import json
from pathlib import Path

import cv2
import numpy as np

from bench import overlays
from bench.fit_blur import folds, logistic
from bench.split import PARTS, originals
from transforms.imaging import spoil
from transforms.imaging.measures.overlay import Model, describe, widen
from transforms.imaging.measures.view import look, shrink
from transforms.imaging.text_detector import TextLine, find_text
from transforms.imaging.types import Pixels

WEIGHTS = Path(__file__).parent.parent / "transforms" / "imaging" / "measures" / "overlay_weights.json"
PENALTY = 3.0
_LARGEST = 1300
_DRAWN = 0.1
"""Share of a line's box under ink from which the line is one that was drawn."""


def variants(pixels: Pixels, kind: str, rng: np.random.Generator) -> list[tuple[str, Pixels, np.ndarray | None]]:
    """Return (name, pixels, ink or None) of one original, the original first."""
    made: list[tuple[str, Pixels, np.ndarray | None]] = [("clean", pixels, None)]
    if kind not in ("uploads", "studio", "shop"):
        return made
    name, changed, ink = overlays.lay_over(pixels, rng)
    made.append((name, overlays.settle(changed, rng), ink))
    if kind != "uploads":
        return made
    made.append(("clean_resent", overlays.settle(pixels, rng), None))
    stamped = spoil.stamp(pixels, rng)
    made.append(("evaluation_stamp", stamped, _changed(pixels, stamped)))
    written = spoil.write(pixels, 0.3, rng)
    made.append(("evaluation_covered", written, _changed(pixels, written)))
    found = look(pixels)
    if found.region.confidence > 0:
        mask = cv2.resize(found.product.astype(np.uint8), pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
        printed = overlays.print_on(pixels, mask, rng)
        if printed is not None:
            made.append(("printed", overlays.settle(printed, rng), None))
    return made


def _changed(before: Pixels, after: Pixels) -> np.ndarray:
    return (np.abs(before.astype(int) - after).max(axis=2) > 8).astype(np.float32)


def drawn(line: TextLine, ink: np.ndarray | None) -> bool:
    """Whether a found line is one that was laid over."""
    if ink is None:
        return False
    height, width = ink.shape
    box = np.zeros((height, width), np.uint8)
    cv2.fillPoly(box, [np.rint(line.corners * (width, height)).astype(np.int32)], 1)
    return float((ink > 0.5)[box > 0].mean()) > _DRAWN if box.any() else False


def describe_all(data: Path, target: Path, step: int) -> None:
    """Describe every line found in every variant; keep them with a table of the photos."""
    numbers, facts, photos = [], [], []
    for turn, one in enumerate(originals(data)[::step]):
        pixels = shrink(np.ascontiguousarray(cv2.imread(str(one.path))[..., ::-1]), _LARGEST)
        for name, changed, ink in variants(pixels, one.kind, np.random.default_rng(turn)):
            lines = find_text(changed) or ()
            photo = len(photos)
            photos.append((one.kind, one.source, PARTS.index(one.part), name, ink is not None))
            if lines:
                numbers.append(describe(look(changed), lines).numbers)
                facts += [(photo, drawn(line, ink)) for line in lines]
        if turn % 50 == 0:
            print(turn, one.path.name, flush=True)
    kinds, sources, parts, names, overlaid = (np.array(column) for column in zip(*photos, strict=True))
    of, positive = (np.array(column) for column in zip(*facts, strict=True))
    np.savez(
        target,
        x=np.vstack(numbers), of=of, positive=positive,
        kind=kinds, source=sources, part=parts, name=names, overlaid=overlaid,
    )  # fmt: skip


def fit(x: np.ndarray, positive: np.ndarray, weight: np.ndarray, penalty: float = PENALTY) -> Model:
    """Fit scaling and coefficients on lines (rows); both classes weigh the same."""
    mean, scale = x.mean(axis=0), x.std(axis=0) + 1e-6
    share = np.average(positive, weights=weight)
    balanced = weight * np.where(positive, 0.5 / share, 0.5 / (1 - share))
    wide = widen(x, mean, scale)[:, :-1]  # the fit adds its own 1
    both = logistic(wide, positive.astype(int), balanced, penalty)
    return Model(mean, scale, both[1] - both[0])


def report(d: dict[str, np.ndarray], odds: np.ndarray) -> None:
    """Print recall and false alarms by photo, on the reporting half, at the threshold of the tuning half."""
    best = np.full(len(d["kind"]), -99.0)
    np.maximum.at(best, d["of"], odds)
    product = np.isin(d["kind"], ("uploads", "studio", "shop"))
    clean, tuning = np.isin(d["name"], ("clean", "clean_resent")) & product, d["part"] == 0
    found = best > -99
    cut = float(np.quantile(best[clean & tuning], 0.99))
    print(f"threshold {cut:.2f} log-odds: 1 % of the tuning half's clean photos\n")
    print(f"{'photos of the reporting half':<34}{'count':>7}{'told':>8}{'with writing':>14}{'told of those':>15}")
    for kind in np.unique(d["kind"]):
        for name in np.unique(d["name"][d["kind"] == kind]):
            rows = (d["kind"] == kind) & (d["name"] == name) & ~tuning
            told = best[rows] > cut
            print(
                f"{kind + ', ' + name:<34}{rows.sum():>7}{told.mean():>8.3f}{(found & rows).sum():>14}"
                f"{told[found[rows]].mean() if (found & rows).any() else 0:>15.3f}"
            )


def main() -> None:
    """Describe, cross-validate, and on request write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--features", type=Path, required=True, help="where the described lines are kept")
    parser.add_argument("--step", type=int, default=1, help="take every nth photo only")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    if not args.features.exists():
        describe_all(args.data, args.features, args.step)
    d = dict(np.load(args.features))
    x, positive = d["x"], d["positive"].astype(bool)
    # Printed text is made up here: it is to help, not to outweigh what was really printed.
    weight = np.where(np.isin(d["name"][d["of"]], ("printed", "clean_resent")), 0.5, 1.0)
    part = folds(d["source"])[d["of"]]
    odds = np.zeros(len(x))
    for fold in np.unique(part):
        held = part == fold
        odds[held] = fit(x[~held], positive[~held], weight[~held]).read(x[held])
    report(d, odds)
    if args.write:
        model = fit(x, positive, weight)
        stored = {name: np.round(getattr(model, name), 5).tolist() for name in ("mean", "scale", "coefficients")}
        WEIGHTS.write_text(json.dumps(stored) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
