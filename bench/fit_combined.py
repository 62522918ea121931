"""Fit the lines over a measure and the model's probability together, which tell faint spoiling, on half of the sellers and SKUs.

    python -m bench.fit_combined ../shared/data --features FILE             # describes once; prints points and two tables
    python -m bench.fit_combined ../shared/data --features FILE --write     # and writes measures/combined_weights.json

Photos are measured and scored whole, and a part of them spoilt as `bench.detectors` does it; of the references only those that
the model's defects were not trained on. Lines and points (`ADDED`) are of
the tuning half, the tables of the other. What is told already at the policy's points counts as told: a line adds to that.
"""

import argparse
import json
import pickle
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from bench.detectors import DETECTORS, Detector
from bench.line import Line, fit_line
from bench.split import Original, originals
from models.references import references
from models.scorer import SHIPPED, load, read_card
from models.tiles import cut
from transforms.imaging.combined import REACH, log_odds
from transforms.imaging.measures import look, measure
from transforms.imaging.policy import BOTH, RULES, SHOWN, Both, Thresholds, severity
from transforms.imaging.types import Pixels

WEIGHTS = Path(__file__).parent.parent / "transforms" / "imaging" / "measures" / "combined_weights.json"
SPOILT_BY = {
    "both_blur": ("blur", "motion"),
    "both_noise": ("noise",),
    "both_contrast": ("low_contrast",),
    "both_light": ("uneven_light",),
}
"""Curve -> the detectors' codes that its line is fitted on."""
PENALTY = 1.0
ADDED, PASSED = 0.0075, 0.02
"""Share of the tuning half's whole photos, of uploads and of references apart, that a line may add to what the measures tell, and
of all of them that may pass it, told already or not. At .01 slanting light was told of .014 of the other half's uploads.
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A photo, whole (`clean`) or spoilt: what was measured of it, and the model's probability of each defect."""

    file: str
    kind: str
    part: str
    code: str
    strength: float
    measures: dict[str, float]
    defects: dict[str, float]


def unseen(data: Path) -> list[Original]:
    """Name the uploads, and the studio and shop photos that no defect was trained on."""
    test = {one.path for one in references(data) if one.is_test}
    return [
        one for one in originals(data) if one.kind == "uploads" or (one.kind in ("studio", "shop") and one.path in test)
    ]


def describe(model: str, turn: int, one: Original, spoilt: bool) -> list[Seen]:
    """Measure and score a photo as it is and, if asked, spoilt in every way."""
    cv2.setNumThreads(1)
    scorer = load(model, "int8", tensorflow=False)

    def see(code: str, strength: float, pixels: Pixels) -> Seen:
        measures = measure(look(pixels), writing=False)
        defects = scorer.score(cut(pixels, scorer.tiles)[None], [measures])[0].defects
        return Seen(one.path.name, one.kind, one.part, code, strength, measures, dict(defects))

    pixels = np.ascontiguousarray(cv2.imread(str(one.path))[..., ::-1])
    rng = np.random.default_rng(turn)
    found = [see("clean", 0.0, pixels)]
    for d in _detectors() if spoilt else ():
        found += [see(d.code, strength, d.make(pixels, strength, rng)) for strength in d.strengths]
    return found


def _detectors() -> Iterator[Detector]:
    codes = {code for each in SPOILT_BY.values() for code in each}
    return (d for d in DETECTORS if d.code in codes)


def describe_all(data: Path, model: str, uploads: int, others: int, jobs: int) -> list[Seen]:
    """Describe all photos, the first so many uploads and references spoilt too."""
    photos = unseen(data)
    first = [one for one in photos if one.kind == "uploads"][:uploads]
    first += [one for one in photos if one.kind != "uploads"][:others]
    spoilt = [one in first for one in photos]
    with ProcessPoolExecutor(jobs) as pool:
        each = pool.map(partial(describe, model), range(len(photos)), photos, spoilt, chunksize=8)
        return [one for found in each for one in found]


def numbers(both: Both, seen: Sequence[Seen]) -> np.ndarray:
    """Return the evidence (NaN where there is none) and the log-odds of each, n x 2."""
    return np.array([[both.rule(s.measures).evidence(s.measures), log_odds(s.defects[both.defect])] for s in seen])


def fit(both: Both, seen: Sequence[Seen]) -> Line:
    """Fit a line on whole photos and on those spoilt for it, each kind of both classes of the same weight."""
    x = numbers(both, seen)
    x = np.where(np.isnan(x), np.nanmean(x, axis=0), x)
    truth = np.array([one.code != "clean" for one in seen]).astype(int)
    group = np.array([2 * (one.kind == "uploads") for one in seen]) + truth
    return fit_line(x, truth, 1 / np.bincount(group)[group], PENALTY, REACH)


def odds_of(line: Line, x: np.ndarray) -> np.ndarray:
    """Return the log-odds of each row, evidence that is not there being the mean."""
    return line.odds(np.where(np.isnan(x), line.mean, x))


def told_already(both: Both, seen: Sequence[Seen]) -> np.ndarray:
    """Say of each whether the measures alone tell a reason of the same rules' codes."""
    codes = {rule.code for rule in RULES if rule.curve == both.of}
    rules = [rule for rule in RULES if rule.code in codes]
    points = Thresholds()
    return np.array(
        [any(severity(r.evidence(s.measures), getattr(points, r.curve)) >= SHOWN for r in rules) for s in seen]
    )


def point_of(both: Both, odds: np.ndarray, seen: Sequence[Seen]) -> float:
    """Return the log-odds from which a line adds and passes no more than its shares of whole uploads and of whole references."""
    added = np.where(told_already(both, seen), -np.inf, odds)
    whole = np.array([one.code == "clean" for one in seen])
    upload = np.array([one.kind == "uploads" for one in seen])
    limits = [(added[whole & of], ADDED) for of in (upload, ~upload)] + [(odds[whole], PASSED)]
    found = max(float(np.quantile(values, 1 - share, method="higher")) for values, share in limits)
    return float(np.ceil(100 * found + 0.5)) / 100


def report(both: Both, line: Line, point: float, seen: Sequence[Seen]) -> None:
    """Print what is told of the photos of the reporting half, by the measures alone, by the line alone, and by either."""
    measured = told_already(both, seen)
    passed = odds_of(line, numbers(both, seen)) >= point
    upload = np.array([one.kind == "uploads" for one in seen])
    columns = measured, passed, measured | passed
    for name, of in (("uploads", upload), ("studio and shop", ~upload)):
        for code in ("clean", *SPOILT_BY[both.curve]):
            strengths = sorted({one.strength for one in seen if one.code == code})
            rows = [np.array([s.code == code and s.strength == by for s in seen]) & of for by in strengths]
            if not rows or not rows[0].any():
                continue
            digits = 3 if code == "clean" else 2
            cells = [" / ".join(f"{told[row].mean():.{digits}f}" for row in rows) for told in columns]
            what = "as they came (false)" if code == "clean" else f"`{code}` " + " / ".join(f"{s:g}" for s in strengths)
            print(f"| `{both.curve}` | {name}, {rows[0].sum()} | {what} | " + " | ".join(cells) + " |")


def main() -> None:
    """Describe, unless that was done, fit, print the points and the tables and, if asked, write the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--features", type=Path, required=True, help="where what was measured is kept")
    parser.add_argument(
        "--model-directory", default=str(SHIPPED), help="whose probabilities (default: the shipped one)"
    )
    parser.add_argument("--uploads", type=int, default=160, help="uploads that are spoilt in every way")
    parser.add_argument("--others", type=int, default=40, help="studio and shop photos that are")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    if not args.features.exists():
        described = describe_all(args.data, args.model_directory, args.uploads, args.others, args.jobs)
        args.features.write_bytes(pickle.dumps(described))
    seen: list[Seen] = pickle.loads(args.features.read_bytes())
    lines = {}
    print("| line | photos | spoilt | measure | line | either |\n| --- | --- | --- | --- | --- | --- |")
    for both in BOTH:
        rows = [one for one in seen if one.code in ("clean", *SPOILT_BY[both.curve])]
        tuning, other = ([one for one in rows if one.part == part] for part in ("tuning", "reporting"))
        line = lines[both.curve] = fit(both, tuning)
        point = point_of(both, odds_of(line, numbers(both, tuning)), tuning)
        print(
            f"{both.curve}: {line.weights.round(2)} point {point:.2f}, policy {getattr(Thresholds(), both.curve)[0]:g}",
            file=sys.stderr,
        )
        report(both, line, point, other)
    if args.write:
        of = read_card(Path(args.model_directory))["model_version"]
        stored = {"model_version": of, "lines": {name: line.stored() for name, line in lines.items()}}
        WEIGHTS.write_text(json.dumps(stored) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
