"""Fit the detector of blur: spoil photos on purpose, describe their detail, and fit three small linear models to it.

    python -m bench.fit_blur ../shared/data --features /tmp/blur.npz        # describes once, then fits; prints a table
    python -m bench.fit_blur ../shared/data --features /tmp/blur.npz --write   # and writes measures/blur_weights.json

The table is of five-fold cross-validation by seller and by SKU: no photo is judged by a model that saw its seller. What is
written is fitted on all of them. Kinds: `uploads` at their 400 px, `studio` at 1,000 px and more, and as sharp photos only
`shop` and `photos`. Half of all variants get a second change (JPEG, noise, less light, less contrast), at a third of the weight.
"""

import argparse
import csv
import json
import random
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from scipy.optimize import minimize

from transforms.imaging import spoil
from transforms.imaging.measures.structure import describe, structure
from transforms.imaging.measures.view import luma_as_seen

WEIGHTS = Path(__file__).parent.parent / "transforms" / "imaging" / "measures" / "blur_weights.json"
KINDS = ("defocus", "motion", "enlarged")
SECOND_WEIGHT = 0.3
_ENLARGED_BY = (cv2.INTER_CUBIC, cv2.INTER_LINEAR, cv2.INTER_LANCZOS4)


def originals(data: Path, seed: int = 1) -> list[tuple[str, Path, str]]:
    """List (kind of set, file, group) of the photos taken as sharp."""
    with (data / "uploads" / "uploads.csv").open() as table:
        uploads = [("uploads", data / "uploads" / r["file"], "seller" + r["seller_id"]) for r in csv.DictReader(table)]
    studio = [("studio", f, "sku" + f.name.split("-")[0]) for f in sorted((data / "references/studio").glob("*.jpg"))]
    shuffle = random.Random(seed).shuffle
    shuffle(uploads)
    shuffle(studio)
    others = [
        (kind, f, f.name) for kind in ("shop", "photos") for f in sorted((data / "references" / kind).glob("*.*g"))
    ]
    return uploads[:500] + studio + others


def variants(
    kind: str, pixels: np.ndarray, turn: int, rng: random.Random
) -> Iterator[tuple[str, float, str, np.ndarray]]:
    """Yield (name, level, second change, pixels) of one original."""
    noise = np.random.default_rng(turn)
    yield "clean", 0.0, "none", pixels
    for _ in range(2):
        second, changed = _second(pixels, rng, noise)
        yield "clean", 0.0, second, changed
    if kind in ("shop", "photos"):
        return
    short = min(pixels.shape[:2])
    spoilt = [("defocus", s, lambda s=s: spoil.defocus(pixels, s)) for s in (0.7, 1.0, 1.5, 2.0, 3.0)]
    spoilt += [("motion", n, lambda n=n: spoil.shake(pixels, n, rng.uniform(0, np.pi))) for n in (5.0, 7.0, 9.0, 15.0)]
    spoilt += [
        ("enlarged", n, lambda n=n: spoil.enlarge(pixels, round(short / n), rng.choice(_ENLARGED_BY)))
        for n in (4.0, 3.0, 2.0)
    ]
    for place, (name, level, make) in enumerate(spoilt):
        near_cut = (name, level) in (("defocus", 1.0), ("motion", 9.0))
        if kind == "studio" and not near_cut and (turn + place) % 3:
            continue  # large photos are slow to spoil, and far from the cut they teach little
        second, changed = _second(make(), rng, noise)
        yield name, level, second, changed


def _second(pixels: np.ndarray, rng: random.Random, noise: np.random.Generator) -> tuple[str, np.ndarray]:
    draw = rng.random()
    if draw < 0.5:
        return "none", pixels
    if draw < 0.8:
        return "jpeg", spoil.compress(pixels, rng.choice((60, 70, 80, 90, 95)))
    if draw < 0.87:
        return "noise", spoil.grain(pixels, rng.uniform(2, 7), noise)
    if draw < 0.94:
        return "dark", spoil.expose(pixels, -rng.uniform(0.5, 2.5))
    return "veil", spoil.veil(pixels, rng.uniform(0.4, 0.8))


def describe_all(data: Path, target: Path) -> None:
    """Describe every variant of every original and keep the numbers in `target`."""
    rng = random.Random(1)
    rows, facts = [], []
    for turn, (kind, file, group) in enumerate(originals(data)):
        pixels = np.ascontiguousarray(cv2.imread(str(file))[..., ::-1])
        for name, level, second, changed in variants(kind, pixels, turn, rng):
            rows.append(describe(structure(luma_as_seen(changed))))
            facts.append((kind, group, name, level, second))
    kinds, groups, names, levels, seconds = (np.array(column) for column in zip(*facts, strict=True))
    np.savez(target, x=np.array(rows), kind=kinds, group=groups, name=names, level=levels, second=seconds)


def logistic(x: np.ndarray, y: np.ndarray, weight: np.ndarray, penalty: float) -> np.ndarray:
    """Fit softmax regression with an L2 penalty (none on the intercept); return classes x (features + 1)."""
    classes = int(y.max()) + 1
    padded = np.hstack([x, np.ones((len(x), 1))])
    target = np.eye(classes)[y]
    weight = weight / weight.mean()

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        coefficients = flat.reshape(classes, -1)
        scores = padded @ coefficients.T
        scores -= scores.max(axis=1, keepdims=True)
        logs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        slope = (weight[:, None] * (np.exp(logs) - target)).T @ padded
        shrunk = coefficients.copy()
        shrunk[:, -1] = 0.0
        value = -(weight[:, None] * target * logs).sum() + penalty / 2 * (shrunk**2).sum()
        return value, (slope + penalty * shrunk).ravel()

    start = np.zeros(classes * padded.shape[1])
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 3000, "maxfun": 5000})
    return found.x.reshape(classes, -1)


def fit(x: np.ndarray, d: dict[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
    """Fit scaling, the blur detector, the kind of blur and its width on the rows given."""
    upload = d["kind"] == "uploads"
    clean = d["name"] == "clean"
    soft = (
        (d["name"] == "defocus") & (d["level"] >= np.where(upload, 1.5, 1.0)) & (d["level"] <= np.where(upload, 2, 1.5))
    )
    moved = (d["name"] == "motion") & (d["level"] >= 7) & (d["level"] <= 9)
    spoilt = soft | moved
    mean, scale = x[rows].mean(axis=0), x[rows].std(axis=0)
    wide = widen(x, mean, scale)
    weight = np.where(d["second"] == "none", 1.0, SECOND_WEIGHT)
    # The faintest blur of the largest photos is the hardest to tell: it is to count.
    weight *= np.where((d["kind"] == "studio") & (d["name"] == "defocus") & (d["level"] == 1), 8.0, 1.0)
    use = rows[(clean | spoilt)[rows]]
    share = spoilt[use].mean()
    balanced = weight[use] * np.where(spoilt[use], 0.5 / share, 0.5 / (1 - share))
    both = logistic(wide[use], spoilt[use].astype(int), balanced, penalty=16.0)
    use = rows[(d["level"][rows] >= np.where(upload[rows], 1.5, 1.0)) & ~clean[rows]]
    kind = np.array([KINDS.index(name) for name in d["name"][use]])
    kinds = logistic(wide[use], kind, weight[use] / np.bincount(kind)[kind], penalty=3.0)
    use = rows
    width = np.log2(true_width(d["name"][use], d["level"][use]))
    padded = np.hstack([wide[use], np.ones((len(use), 1))])
    ridge = np.eye(padded.shape[1]) * 3.0
    ridge[-1, -1] = 0.0
    return {
        "mean": mean,
        "scale": scale,
        "blur": both[1] - both[0],
        "kind": kinds,
        "width": np.linalg.solve(padded.T @ padded + ridge, padded.T @ width),
    }


def true_width(name: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Standard deviation of the blur along its widest direction, pixels; .5 for the camera's own."""
    choices = [np.hypot(level, 0.5), np.hypot(level / np.sqrt(12), 0.5), 0.5 * np.maximum(level, 1)]
    return np.select([name == "defocus", name == "motion", name == "enlarged"], choices, 0.5)


def widen(x: np.ndarray, mean: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Standardize, clip at 4 sigma, and append the squares; as `sharpness.py` does in serving."""
    standard = np.clip((x - mean) / scale, -4.0, 4.0)
    return np.hstack([standard, standard**2 - 1])


def apply(model: dict[str, np.ndarray], x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return log-odds of blur, the index of its kind, and its width in pixels."""
    padded = np.hstack([widen(x, model["mean"], model["scale"]), np.ones((len(x), 1))])
    return padded @ model["blur"], (padded @ model["kind"].T).argmax(axis=1), 2 ** (padded @ model["width"])


def folds(groups: np.ndarray, count: int = 5) -> np.ndarray:
    """Deal the groups to folds; return each row's fold."""
    names = np.unique(groups)
    order = np.random.default_rng(0).permutation(len(names))
    return (order % count)[np.searchsorted(names, groups)]


def report(d: dict[str, np.ndarray], logit: np.ndarray, kind: np.ndarray, width: np.ndarray) -> None:
    """Print recall at one threshold for all, chosen so that at most 2 % of the sharp of either set pass it."""
    alone = d["second"] == "none"
    clean = d["name"] == "clean"
    cut = max(np.percentile(logit[clean & alone & (d["kind"] == k)], 98) for k in ("uploads", "studio"))
    print(
        f"one threshold, log-odds {cut:.2f}\n\nset      blur            recall  with a 2nd change  kind right  width: 10 % to 90 %"
    )
    for of in ("uploads", "studio", "shop", "photos"):
        rows = (d["kind"] == of) & clean
        print(
            f"{of:8} sharp (false)   {(logit[rows & alone] > cut).mean():.3f}   {(logit[rows & ~alone] > cut).mean():.3f}"
        )
    for of in ("uploads", "studio"):
        for name in KINDS:
            for level in np.unique(d["level"][(d["name"] == name) & (d["kind"] == of)]):
                rows = (d["kind"] == of) & (d["name"] == name) & (d["level"] == level)
                low, high = np.percentile(width[rows], (10, 90))
                print(
                    f"{of:8} {name:9} {level:4.1f}   {(logit[rows & alone] > cut).mean():.3f}   "
                    f"{(logit[rows & ~alone] > cut).mean():.3f}              {(kind[rows] == KINDS.index(name)).mean():.2f}"
                    f"        {low:.2f} to {high:.2f} px"
                )


def main() -> None:
    """Describe, cross-validate, and on request write the weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--features", type=Path, required=True, help="where the described variants are kept")
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    if not args.features.exists():
        describe_all(args.data, args.features)
    d = dict(np.load(args.features))
    x = d.pop("x")
    part = folds(d["group"])
    logit, kind, width = np.zeros(len(x)), np.zeros(len(x), int), np.zeros(len(x))
    for fold in np.unique(part):
        held = part == fold
        logit[held], kind[held], width[held] = apply(fit(x, d, np.flatnonzero(~held)), x[held])
    report(d, logit, kind, width)
    if args.write:
        model = fit(x, d, np.arange(len(x)))
        text = json.dumps({name: np.round(value, 5).tolist() for name, value in model.items()})
        WEIGHTS.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
