"""Whether a defect is told better by its measure and the model's probability together than by either alone.

    python -m bench.combined ../shared/data --features FILE [--spoilt 100]     # describes once, then prints two tables

Uploads, whole and spoilt as `bench.detectors` does it, are measured and scored; the model saw uploads spoilt for the order of
scores alone. `both` is a logistic line over the measure and the log-odds of the probability, five-fold by seller. First table:
recall on spoilt uploads at 1 % of the whole ones. Second table, on the labelled uploads: what either look named, told at 1, 3 and
5 % of those that both called ok without a reason.
"""

import argparse
import csv
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from bench.detectors import DETECTORS, Evidence
from bench.line import fit_line, fold
from bench.split import originals
from models.scorer import SHIPPED, load
from models.tiles import cut
from transforms.imaging.combined import log_odds
from transforms.imaging.measures import look, measure
from transforms.imaging.types import Pixels

DEFECT = {
    "dark": "under_exposure", "too_dark": "under_exposure", "bright": "over_exposure", "burnt_out": "over_exposure",
    "low_contrast": "low_contrast", "uneven_light": "uneven_light", "cast": "cast", "blur": "blur", "motion": "blur",
    "noise": "noise", "compression": "compression", "enlarged": "low_resolution",
}  # fmt: skip
"""Reason code -> the model's name of it."""

FOLDS = 5
PENALTY = 3.0
FALSE = 0.01
_TOLD = (0.01, 0.03, 0.05)
_FEWEST = 5


@dataclass(frozen=True, slots=True)
class Seen:
    """An upload, whole (`clean`) or spoilt: what was measured of it, and the log-odds of each defect."""

    file: str
    seller: str
    code: str
    strength: float
    measures: dict[str, float]
    defects: dict[str, float]


def describe_all(data: Path, spoilt: int, model: str) -> list[Seen]:
    """Measure and score all uploads, the first of them spoilt too."""
    scorer = load(model, "int8", tensorflow=False)

    def see(file: str, seller: str, code: str, strength: float, pixels: Pixels) -> Seen:
        measures = measure(look(pixels), writing=False)
        defects = scorer.score(cut(pixels, scorer.tiles)[None], [measures])[0].defects
        return Seen(file, seller, code, strength, measures, {name: log_odds(p) for name, p in defects.items()})

    found = []
    for turn, one in enumerate(each for each in originals(data) if each.kind == "uploads"):
        pixels = np.ascontiguousarray(cv2.imread(str(one.path))[..., ::-1])
        rng = np.random.default_rng(turn)
        found.append(see(one.path.name, one.source, "clean", 0.0, pixels))
        for d in DETECTORS if turn < spoilt else ():
            if d.code in DEFECT:
                found += [see(one.path.name, one.source, d.code, s, d.make(pixels, s, rng)) for s in d.strengths]
    return found


def numbers(seen: Sequence[Seen], evidence: Evidence, defect: str) -> np.ndarray:
    """Return the measure and the log-odds of each, n x 2; what could not be measured is the least that was."""
    measured = np.array([evidence(one.measures) for one in seen])
    low, high = np.quantile(measured[np.isfinite(measured)], (0.02, 0.98))
    bounded = np.clip(np.where(np.isfinite(measured), measured, low), low, high)
    return np.column_stack([bounded, [one.defects[defect] for one in seen]])


def together(x: np.ndarray, truth: np.ndarray, part: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the log-odds of a line fitted on the other folds' known rows."""
    odds = np.zeros(len(x))
    for held in range(FOLDS):
        rows = known & (part != held)
        y = truth[rows].astype(int)
        odds[part == held] = fit_line(x[rows], y, np.where(y, 0.5 / y.mean(), 0.5 / (1 - y.mean())), PENALTY).odds(
            x[part == held]
        )
    return odds


def print_spoilt(seen: Sequence[Seen]) -> None:
    """Print recall on spoilt uploads."""
    print("| reason | strength | measure | model | both |\n| --- | --- | --- | --- | --- |")
    for d in (d for d in DETECTORS if d.code in DEFECT):
        rows = [one for one in seen if one.code in ("clean", d.code)]
        x, truth = numbers(rows, d.evidence, DEFECT[d.code]), np.array([one.code != "clean" for one in rows])
        part = np.array([fold(one.seller, FOLDS) for one in rows])
        strength = np.array([one.strength for one in rows])
        cells = []
        for odds in (*x.T, together(x, truth, part, np.ones(len(x), bool))):
            level = np.quantile(odds[~truth], 1 - FALSE, method="higher")
            cells.append(" / ".join(f"{(odds[truth & (strength == s)] > level).mean():.2f}" for s in d.strengths))
        strengths = " / ".join(f"{s:g}" for s in d.strengths)
        print(f"| `{d.code}` | {strengths} {d.unit} | " + " | ".join(cells) + " |")


def print_labelled(seen: Sequence[Seen], data: Path) -> None:
    """Print what is told of that which a look named."""
    with (data / "verdicts" / "verdicts.csv").open() as table:
        labels = {row["file"]: row for row in csv.DictReader(table)}
    rows = [one for one in seen if one.code == "clean" and one.file in labels]
    reasons = [labels[one.file]["reasons_a"] + ";" + labels[one.file]["reasons_b"] for one in rows]
    part = np.array([fold(one.seller, FOLDS) for one in rows])
    spotless = np.array(
        [
            reason == ";" and labels[one.file]["verdict_a"] == labels[one.file]["verdict_b"] == "ok"
            for one, reason in zip(rows, reasons, strict=True)
        ]
    )
    print("\n| reason | named | measure | model | both |\n| --- | --- | --- | --- | --- |")
    for d in (d for d in DETECTORS if d.code in DEFECT):
        named = np.array([d.code in reason.split(";") for reason in reasons])
        if named.sum() < _FEWEST:
            continue
        x = numbers(rows, d.evidence, DEFECT[d.code])
        cells = []
        for odds in (*x.T, together(x, named, part, named | spotless)):
            levels = [np.quantile(odds[spotless], 1 - share) for share in _TOLD]
            cells.append(" / ".join(f"{(odds[named] > level).mean():.2f}" for level in levels))
        print(f"| `{d.code}` | {named.sum()} | " + " | ".join(cells) + " |")


def main() -> None:
    """Describe, unless that was done, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--features", type=Path, required=True, help="where what was measured is kept")
    parser.add_argument(
        "--model-directory", default=str(SHIPPED), help="whose probabilities (default: the shipped one)"
    )
    parser.add_argument("--spoilt", type=int, default=100, help="uploads that are spoilt in every way")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    if not args.features.exists():
        args.features.write_bytes(pickle.dumps(describe_all(args.data, args.spoilt, args.model_directory)))
    seen: list[Seen] = pickle.loads(args.features.read_bytes())
    print_spoilt(seen)
    print_labelled(seen, args.data)


if __name__ == "__main__":
    main()
