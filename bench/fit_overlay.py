"""Fit the network that tells text laid over a photo from a product's own print, and report it on sellers that it never saw.

    python -m bench.fit_overlay ../shared/data --features /tmp/overlay.npz           # describes once, then fits; prints a table
    python -m bench.fit_overlay ../shared/data --features /tmp/overlay.npz --write   # and writes measures/overlay_weights.json

Lines of text are found in photos as they are, in photos with text laid over them or printed on the product (`overlays.py`), and
in photos on which writing was found taken again (nearer, turned, in other light): real prints are few. Five-fold
cross-validation by seller and SKU; the threshold is then set on one half of the sellers and SKUs at 2 % of the products with
writing on them, and the first table is of the other half; the second is of both at the policy's point. What the evaluation
writes (`spoil.stamp`, `spoil.write`, in a font that `overlays.py` has not) is in no fit. What is written is fitted on all.
Uploads that carry a camera's date or mark, as far as somebody saw it, are neither examples nor counted.
"""

import argparse
import csv
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from bench import overlays
from bench.line import fold
from bench.network import balanced, fit_network, store
from bench.split import PARTS, originals
from transforms.imaging import spoil
from transforms.imaging.measures.network import Network
from transforms.imaging.measures.overlay import describe
from transforms.imaging.measures.view import look, shrink
from transforms.imaging.policy import WRITTEN_OVER
from transforms.imaging.text_detector import TextLine, find_text
from transforms.imaging.types import Pixels

WEIGHTS = Path(__file__).parent.parent / "transforms" / "imaging" / "measures" / "overlay_weights.json"
FALSE = 0.02
FOLDS = 5
UNITS = 16
WEIGHT = {"printed": 0.5, "clean_resent": 0.5, "again": 0.35}
"""What is made up, or the same once more, is to help, not to outweigh what came."""
_PRODUCTS = ("uploads", "studio", "shop")
_SEEN_DATED = ("ac18eb84-4759-4a12-b935-6f1f2a7b276d.jpg",)
"""Uploads with a camera's date on them that nobody had labelled."""
_LARGEST = 1300
_DRAWN = 0.1
"""Share of a line's box under ink from which the line is one that was drawn."""

Variant = tuple[str, Pixels, np.ndarray | None]


def variants(pixels: Pixels, kind: str, rng: np.random.Generator) -> Iterator[Variant]:
    """Yield (name, pixels, ink or None) of one original, the original first."""
    yield "clean", pixels, None
    product = kind in _PRODUCTS
    for _ in range((3 if kind == "uploads" else 2) if product else 0):
        name, changed, ink = overlays.lay_over(pixels, rng)
        yield name, overlays.settle(changed, rng), ink
    if find_text(pixels):
        for _ in range(8):
            yield "again", overlays.settle(overlays.taken_again(pixels, rng), rng), None
        for _ in range(2 if product else 0):
            yield "clean_resent", overlays.settle(pixels, rng), None
    if kind == "uploads":
        stamped = spoil.stamp(pixels, rng)
        yield "evaluation_stamp", stamped, _changed(pixels, stamped)
        written = spoil.write(pixels, 0.3, rng)
        yield "evaluation_covered", written, _changed(pixels, written)
        yield from _printed(pixels, rng)


def _printed(pixels: Pixels, rng: np.random.Generator) -> Iterator[Variant]:
    found = look(pixels)
    if found.region.confidence > 0:
        mask = cv2.resize(found.product.astype(np.uint8), pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
        for _ in range(2):
            printed = overlays.print_on(pixels, mask, rng)
            if printed is not None:
                yield "printed", overlays.settle(printed, rng), None


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
            photos.append((one.kind, one.source, PARTS.index(one.part), name, one.path.name))
            if lines:
                numbers.append(describe(look(changed), lines).numbers)
                facts += [(photo, drawn(line, ink)) for line in lines]
        if turn % 50 == 0:
            print(turn, one.path.name, flush=True)
    kinds, sources, parts, names, files = (np.array(column) for column in zip(*photos, strict=True))
    of, positive = (np.array(column) for column in zip(*facts, strict=True))
    np.savez(
        target,
        x=np.vstack(numbers), of=of, positive=positive, kind=kinds, source=sources, part=parts, name=names, photo=files,
    )  # fmt: skip


def overlaid(data: Path) -> set[str]:
    """Name the uploads that carry a date, a mark or a sign as they came: those a look said it of, and those seen since."""
    with (data / "verdicts" / "verdicts.csv").open() as table:
        rows = list(csv.DictReader(table))
    return {row["file"] for row in rows if "overlay" in row["reasons_a"] + row["reasons_b"]} | set(_SEEN_DATED)


def fit(x: np.ndarray, positive: np.ndarray, weight: np.ndarray) -> Network:
    """Fit the network on lines (rows), both classes of the same weight."""
    return fit_network(x, positive, balanced(positive, weight), UNITS)


def report(d: dict[str, np.ndarray], odds: np.ndarray, left_out: np.ndarray) -> None:
    """Print recall and false alarms by photo, on the reporting half, at the threshold of the tuning half."""
    best = np.full(len(d["kind"]), -99.0)
    np.maximum.at(best, d["of"], odds)
    product, found = np.isin(d["kind"], _PRODUCTS) & ~left_out, best > -99
    writing = np.isin(d["name"], ("clean", "clean_resent")) & product & found
    tuning = d["part"] == 0
    cut = float(np.quantile(best[writing & tuning], 1 - FALSE))
    print(f"threshold {cut:.2f} log-odds: {FALSE:.0%} of the tuning half's products with writing on them")
    _print_rows("photos of the reporting half", d, best, product & ~tuning, cut)
    _print_rows("photos of both halves", d, best, product, WRITTEN_OVER)
    _print_row("carry a date or mark", left_out & (d["name"] == "clean"), best, WRITTEN_OVER)


def _print_rows(title: str, d: dict[str, np.ndarray], best: np.ndarray, rows: np.ndarray, cut: float) -> None:
    print(f"\n{title}, over {cut:.2f}\n{'':<34}{'count':>7}{'told':>8}{'with writing':>14}{'told of those':>15}")
    for kind in _PRODUCTS:
        _print_row(f"{kind}, clean", rows & (d["kind"] == kind) & (d["name"] == "clean"), best, cut)
    as_it_came = np.isin(d["name"], ("clean", "clean_resent"))
    _print_row("with writing on them", rows & as_it_came & (best > -99), best, cut)
    for name in np.unique(d["name"][rows]):
        if name not in ("clean", "clean_resent"):
            _print_row(name, rows & (d["name"] == name), best, cut)


def _print_row(title: str, rows: np.ndarray, best: np.ndarray, cut: float) -> None:
    told, found = best[rows] > cut, best[rows] > -99
    of_those = told[found].mean() if found.any() else 0
    print(f"{title:<34}{rows.sum():>7}{told.mean():>8.3f}{found.sum():>14}{of_those:>15.3f}")


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
    of, positive = d["of"], d["positive"].astype(bool)
    left_out = np.isin(d["photo"], list(overlaid(args.data)))
    names, kinds = d["name"][of], d["kind"][of]
    weight = np.array([WEIGHT.get(name, 1.0) for name in names]) * np.where(np.isin(kinds, _PRODUCTS), 1.0, 0.5)
    # `mixed` has charts and drawings, whose words were laid out as an overlay's are.
    taken = ~left_out[of] & ~np.char.startswith(names, "evaluation") & (kinds != "mixed")
    part = np.array([fold(source, FOLDS) for source in d["source"]])[of]
    odds = np.zeros(len(of))
    for held in range(FOLDS):
        rows = taken & (part != held)
        odds[part == held] = fit(d["x"][rows], positive[rows], weight[rows]).odds(d["x"][part == held])
    report(d, odds, left_out)
    if args.write:
        store(fit(d["x"][taken], positive[taken], weight[taken]), WEIGHTS)


if __name__ == "__main__":
    main()
