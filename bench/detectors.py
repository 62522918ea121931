"""What each measure is worth alone: recall at 1 % false alarms for every reason code, on photos spoilt on purpose.

    python -m bench.detectors ../shared/data [--uploads 160] [--studio 40] [--only border,overlay]

The threshold of each reason's measure is where 1 % of the clean photos of one half of the sellers and SKUs lie beyond it; recall,
and the false alarms that are found again, are of the other half. Strengths go down to where the policy's cut is, so a recall
under 1 is no fault by itself. The policy's own thresholds, which other things than these decide, have no part in this.
"""

import argparse
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from bench import overlays
from bench.split import originals
from transforms.imaging import policy, spoil
from transforms.imaging.measures import look, measure
from transforms.imaging.measures.view import shrink
from transforms.imaging.spoil import Rng
from transforms.imaging.types import Pixels

Evidence = Callable[[policy.Measures], float]
Make = Callable[[Pixels, float, Rng], Pixels]
FALSE = 0.01


@dataclass(frozen=True, slots=True)
class Detector:
    """A reason code, the measure that speaks for it (the more the worse), and how photos are spoilt for it."""

    code: str
    evidence: Evidence
    strengths: tuple[float, ...]
    unit: str
    make: Make


def _rule(curve: str) -> Evidence:
    """Take the evidence of the policy's rule of a curve, turned so that more is worse."""
    rule = next(rule for rule in policy.RULES if rule.curve == curve)
    first, _, last = getattr(policy.Thresholds(), curve)
    sign = 1.0 if last > first else -1.0
    return lambda m: sign * rule.evidence(m)


def _measure(name: str) -> Evidence:
    return lambda m: m[name]


def _per_400(pixels: Pixels) -> float:
    return min(pixels.shape[:2]) / 400


def _tinted(pixels: Pixels, ratio: float, rng: Rng) -> Pixels:
    root = math.sqrt(ratio) if rng.random() < 0.5 else 1 / math.sqrt(ratio)
    return spoil.tint(pixels, (root, 1.0, 1 / root))


def _resized(pixels: Pixels, short: float) -> Pixels:
    scale = short / min(pixels.shape[:2])
    size = round(pixels.shape[1] * scale), round(pixels.shape[0] * scale)
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _far_away(pixels: Pixels, side: float, rng: Rng) -> Pixels:
    """Show the product on more ground of its border's colour, the photo being a share `side` of the new one's sides."""
    height, width = pixels.shape[:2]
    tone = np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]), axis=0)
    small = cv2.resize(
        pixels, (max(1, round(width * side)), max(1, round(height * side))), interpolation=cv2.INTER_AREA
    )
    sheet = np.clip(tone + rng.normal(0, 1.5, pixels.shape), 0, 255).astype(np.uint8)
    top, left = (height - small.shape[0]) // 2, (width - small.shape[1]) // 2
    sheet[top : top + small.shape[0], left : left + small.shape[1]] = small
    return sheet


def _solid(pixels: Pixels, noise: float, rng: Rng) -> Pixels:
    tone = rng.integers(0, 256, 3)
    return np.clip(np.rint(tone + rng.normal(0, noise, pixels.shape)), 0, 255).astype(np.uint8)


def _table(pixels: Pixels, rows: float, rng: Rng) -> Pixels:
    """Draw a size table."""
    height, width = pixels.shape[:2]
    sheet = np.full((height, width, 3), 255, np.uint8)
    for row in range(int(rows)):
        y = round((row + 1) * height / (rows + 1))
        cv2.line(sheet, (0, y), (width, y), (90, 90, 90), 1)
        for column in range(4):
            at = (round((column + 0.2) * width / 4), y - 4)
            cv2.putText(sheet, str(rng.integers(30, 120)), at, cv2.FONT_HERSHEY_SIMPLEX, width / 700, (0, 0, 0), 1)
    return sheet


def _spotted(pixels: Pixels, radius: float, rng: Rng) -> Pixels:
    """Let a lamp shine on the product, where one was told apart, else on the middle."""
    mask = look(pixels).product
    rows, columns = np.nonzero(cv2.erode(mask.astype(np.uint8), np.ones((25, 25), np.uint8), borderValue=0))
    y, x = (mask.shape[0] // 2, mask.shape[1] // 2)
    if len(rows):
        spot = rng.integers(len(rows))
        y, x = rows[spot], columns[spot]
    scale = pixels.shape[1] / mask.shape[1]
    return spoil.reflect(pixels, y * scale, x * scale, radius * min(pixels.shape[:2]))


def _framed(pixels: Pixels, thickness: float, rng: Rng) -> Pixels:
    framed = spoil.frame(pixels, thickness, rng)
    return spoil.compress(framed, int(rng.choice([60, 75, 90]))) if rng.random() < 0.5 else framed


def _joined(pixels: Pixels, parts: float, rng: Rng) -> Pixels:
    other = [pixels[:, ::-1], pixels[::-1], pixels[::-1, ::-1]]
    return spoil.join([pixels, *(np.ascontiguousarray(each) for each in other[: int(parts) - 1])], rng)


DETECTORS = (
    Detector("dark", _rule("dark"), (1, 1.5, 2), "stops less", lambda p, s, r: spoil.expose(p, -s)),
    Detector("too_dark", _rule("too_dark"), (3, 4), "stops less", lambda p, s, r: spoil.expose(p, -s)),
    Detector("bright", _measure("overexposed"), (0.7, 1, 1.5), "stops more", lambda p, s, r: spoil.expose(p, s)),
    Detector("burnt_out", _measure("burnt"), (2, 3), "stops more", lambda p, s, r: spoil.expose(p, s)),
    Detector("low_contrast", _rule("low_contrast"), (0.5, 0.35), "of the span", lambda p, s, r: spoil.veil(p, s)),
    Detector(
        "uneven_light",
        _rule("uneven_light"),
        (2, 3, 4),
        "stops",
        lambda p, s, r: spoil.shade(p, s, r.uniform(0, 2 * np.pi)),
    ),
    Detector("cast", _rule("cast"), (1.5, 2, 3), "red to blue", _tinted),
    Detector("blur", _measure("blur"), (1, 1.5, 3), "px at 400", lambda p, s, r: spoil.defocus(p, s * _per_400(p))),
    Detector(
        "motion",
        _measure("blur"),
        (5, 7, 15),
        "px at 400",
        lambda p, s, r: spoil.shake(p, s * _per_400(p), r.uniform(0, np.pi)),
    ),
    Detector("noise", _rule("noise"), (6, 8, 12), "levels", lambda p, s, r: spoil.grain(p, s, r)),
    Detector(
        "compression", _rule("compression"), (20, 12, 6), "JPEG quality", lambda p, s, r: spoil.compress(p, int(s))
    ),
    Detector("low_res", _rule("low_res"), (300, 200), "px", lambda p, s, r: _resized(p, s)),
    Detector(
        "enlarged",
        _measure("enlarged_odds"),
        (2, 3, 4),
        "times",
        lambda p, s, r: spoil.enlarge(p, round(min(p.shape[:2]) / s)),
    ),
    Detector(
        "cut_off", _rule("cut_off"), (0.2, 0.33), "cut", lambda p, s, r: spoil.cut_third(p, int(r.integers(4)), s)
    ),
    Detector("small", _rule("small"), (0.15, 0.1), "of the side", _far_away),
    Detector("overlay", _rule("overlay"), (1,), "line", lambda p, s, r: spoil.stamp(p, r)),
    Detector("overlay", _rule("overlay"), (0.1, 0.3), "covered", lambda p, s, r: spoil.write(p, s, r)),
    Detector("overlay", _rule("overlay"), (0.5,), "opacity, tiled", lambda p, s, r: overlays.tiled(p, r)[0]),
    Detector("border", _rule("border"), (0.02, 0.05, 0.1), "of the short side", _framed),
    Detector("collage", _rule("collage"), (2, 4), "photos", _joined),
    Detector("screenshot", _rule("screenshot"), (1,), "phone", lambda p, s, r: spoil.screenshot(p, r)),
    Detector("glare", _rule("glare"), (0.06, 0.1), "of the short side", _spotted),
    Detector("size_chart", _rule("drawn"), (8, 20), "rows", _table),
    Detector("blank", _rule("blank"), (0, 1.5), "levels of noise", _solid),
)


def _measured(pixels: Pixels, evidences: Iterable[Evidence], writing: bool) -> list[float]:
    found = measure(look(pixels), writing=writing)
    return [-math.inf if math.isnan(value) else value for value in (evidence(found) for evidence in evidences)]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--uploads", type=int, default=160)
    parser.add_argument("--studio", type=int, default=40)
    parser.add_argument("--only", default="", help="reason codes, separated by commas")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    wanted = [d for d in DETECTORS if not args.only or d.code in args.only.split(",")]
    every = originals(args.data)
    taken = [one for one in every if one.kind == "uploads"][: args.uploads]
    taken += [one for one in every if one.kind == "studio"][: args.studio]
    clean: list[list[float]] = []
    spoilt: list[list[list[float]]] = []
    for turn, one in enumerate(taken):
        pixels = shrink(np.ascontiguousarray(cv2.imread(str(one.path))[..., ::-1]), 1300)
        rng = np.random.default_rng(turn)
        text = any(d.code == "overlay" for d in wanted)
        clean.append(_measured(pixels, [d.evidence for d in wanted], text))
        spoilt.append(
            [
                [_measured(d.make(pixels, s, rng), [d.evidence], d.code == "overlay")[0] for s in d.strengths]
                for d in wanted
            ]
        )
    tuning = np.array([one.part == "tuning" for one in taken])
    good = np.array(clean)
    print(f"{len(taken)} photos, {tuning.sum()} of them for the thresholds\n")
    print("| reason | strength | recall at 1 % false | false, other half |\n| --- | --- | --- | --- |")
    for place, detector in enumerate(wanted):
        # The next larger value: a threshold that many clean photos share (0: nothing found) passes none of them.
        cut = float(np.quantile(good[tuning, place], 1 - FALSE, method="higher"))
        told = np.array([each[place] for each in spoilt])[~tuning] > cut
        strengths = " / ".join(f"{s:g}" for s in detector.strengths)
        recalls = " / ".join(f"{share:.2f}" for share in told.mean(axis=0))
        false = (good[~tuning, place] > cut).mean()
        print(f"| `{detector.code}` | {strengths} {detector.unit} | {recalls} | {false:.3f} |")


if __name__ == "__main__":
    main()
