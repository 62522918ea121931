"""Fit the two networks that find the product, on scenes whose product is known (`bench/region_scenes.py`).

    python -m bench.fit_region ../shared/data             # two-fold by seller and SKU; prints a table
    python -m bench.fit_region ../shared/data --write     # and writes measures/region_weights.json, fitted on all

In the table no scene is judged by networks that saw its product's or its ground's seller. `plane` is the split by the
border's plane alone. Right means an overlap (intersection over union) of .8 or more.
"""

import argparse
import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from bench.fit_blur import logistic
from bench.region_scenes import Scene, read_photos, scenes, split_by_plane
from transforms.imaging.measures.region import Net, Weights, answer, certainty, main_parts, probability, shrink_to_work
from transforms.imaging.measures.region_features import Described, Plane, describe, refine

WEIGHTS = Path(__file__).parent.parent / "transforms" / "imaging" / "measures" / "region_weights.json"
HIDDEN = 16
PIXELS = 500
STEPS = 4000
BATCH = 4096
RIGHT = 0.8


def fit_net(values: Plane, truth: Plane, seed: int = 0) -> Net:
    """Fit a network of one hidden layer to pixels (features x pixels) by Adam on the cross-entropy."""
    rng = np.random.default_rng(seed)
    mean, scale = values.mean(axis=1, keepdims=True), values.std(axis=1, keepdims=True) + 1e-6
    normal = ((values - mean) / scale).astype(np.float32)
    count = len(values)
    parts = [
        rng.normal(0, count**-0.5, (HIDDEN, count)).astype(np.float32),
        np.zeros((HIDDEN, 1), np.float32),
        rng.normal(0, HIDDEN**-0.5, (1, HIDDEN)).astype(np.float32),
        np.zeros((1, 1), np.float32),
    ]
    first, second = ([np.zeros_like(part) for part in parts] for _ in range(2))
    for step in range(1, STEPS + 1):
        some = rng.integers(0, truth.size, BATCH)
        x, y = normal[:, some], truth[some]
        h = np.maximum(parts[0] @ x + parts[1], 0)
        error = (1 / (1 + np.exp(-(parts[2] @ h + parts[3]))) - y) / BATCH
        back = (parts[2].T @ error) * (h > 0)
        slopes = (back @ x.T, back.sum(1, keepdims=True), error @ h.T, error.sum(1, keepdims=True))
        rate = 3e-3 * min(1.0, 2 * (STEPS - step) / STEPS + 0.02)
        for part, one, two, slope in zip(parts, first, second, slopes, strict=True):
            one += 0.1 * (slope - one)
            two += 0.01 * (slope**2 - two)
            part -= rate * (one / (1 - 0.9**step)) / (np.sqrt(two / (1 - 0.99**step)) + 1e-8)
    hidden = parts[0] / scale.T
    offset = parts[1][:, 0] - hidden @ mean[:, 0]
    return hidden.astype(np.float32), offset.astype(np.float32), parts[2][0], float(parts[3][0, 0])


def fit(described: Sequence[Described], truths: Sequence[Plane]) -> Weights:
    """Fit both networks; the confidence is left at even odds."""
    rng = np.random.default_rng(0)
    chosen = [rng.integers(0, truth.size, PIXELS) for truth in truths]
    truth = np.concatenate([t.ravel()[c] for t, c in zip(truths, chosen, strict=True)]).astype(np.float32)
    pick = lambda values, c: values.reshape(len(values), -1)[:, c]  # noqa: E731
    first = fit_net(np.hstack([pick(d.values, c) for d, c in zip(described, chosen, strict=True)]), truth)
    again = (np.concatenate([d.values, refine(d, answer(first, d.values))]) for d in described)
    second = fit_net(np.hstack([pick(v, c) for v, c in zip(again, chosen, strict=True)]), truth)
    return Weights(first, second, np.zeros(6, np.float32))


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union."""
    return float((one & other).sum() / max(1, (one | other).sum()))


def fold(group: str) -> int:
    """Put a seller or a SKU into one of two folds."""
    return zlib.crc32(group.encode()) % 2


def main() -> None:
    """Cross-validate, print the table and, if asked, write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--scenes", type=int, default=1200)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    made = list(scenes(read_photos(args.data), args.scenes, np.random.default_rng(0)))
    described = [describe(shrink_to_work(scene.pixels)) for scene in made]
    truths = [_small(scene, d) for scene, d in zip(made, described, strict=True)]
    facts: list[np.ndarray] = []
    rows: list[tuple[Scene, float, float]] = []
    for held in (0, 1):
        seen = [i for i, s in enumerate(made) if held not in (fold(s.product_of), fold(s.ground_of))]
        kept = [i for i, s in enumerate(made) if {fold(s.product_of), fold(s.ground_of)} == {held}]
        weights = fit([described[i] for i in seen], [truths[i] for i in seen])
        for i in kept:
            likely = probability(described[i], weights)
            found = main_parts(likely)
            plane = split_by_plane("", made[i].pixels).mask
            rows.append((made[i], overlap(found, truths[i] > 0.5), overlap(plane, made[i].mask)))
            if found.any():
                facts.append(np.append(certainty(likely, found), rows[-1][1] >= RIGHT))
    _print_table(rows)
    known = np.array(facts)
    # Softmax of two classes: the line of the second less that of the first. The last column, one, is its intercept.
    lines = logistic(known[:, 1:-1], known[:, -1].astype(int), np.ones(len(known)), 1.0)
    line = (lines[1] - lines[0])[[-1, *range(known.shape[1] - 2)]]
    _print_confidence(1 / (1 + np.exp(-known[:, :-1] @ line)), known[:, -1])
    if args.write:
        final = fit(described, truths)
        WEIGHTS.write_text(json.dumps(_plain(final, line)) + "\n", encoding="utf-8")


def _small(scene: Scene, described: Described) -> Plane:
    height, width = described.values.shape[1:]
    return np.asarray(cv2.resize(scene.mask.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA))


def _print_table(rows: Sequence[tuple[Scene, float, float]]) -> None:
    print(f"{'scenes':24}{'n':>6}{'right':>8}{'median overlap':>16}{'plane: right':>14}{'median':>8}")
    for name, made in (("laid on home grounds", True), ("plain as they came", False)):
        some = np.array([(ours, plane) for scene, ours, plane in rows if scene.made is made and scene.mask.any()])
        right, median = (some >= RIGHT).mean(axis=0), np.median(some, axis=0)
        print(f"{name:24}{len(some):6}{right[0]:8.3f}{median[0]:16.3f}{right[1]:14.3f}{median[1]:8.3f}")


def _print_confidence(confidence: np.ndarray, right: np.ndarray) -> None:
    print("\nconfidence    n   right")
    for low, high in ((0, 0.3), (0.3, 0.6), (0.6, 0.8), (0.8, 0.9), (0.9, 1.01)):
        some = right[(confidence >= low) & (confidence < high)]
        print(f"{low:.1f} to {min(high, 1):.1f}{len(some):7}{some.mean() if len(some) else float('nan'):8.2f}")


def _plain(weights: Weights, line: np.ndarray) -> dict[str, object]:
    """Return the weights as numbers of five digits."""
    short = lambda values: [[float(f"{v:.5g}") for v in row] for row in np.atleast_2d(values)]  # noqa: E731
    nets = {
        name: {"hidden": short(net[0]), "offset": short(net[1])[0], "out": short(net[2])[0], "bias": net[3]}
        for name, net in (("first", weights.first), ("second", weights.second))
    }
    return {**nets, "confidence": short(line)[0]}


if __name__ == "__main__":
    main()
