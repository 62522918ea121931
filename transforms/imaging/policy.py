"""From measures to a verdict: each reason's severity by one curve, each curve's three points in one table.

A photo is accepted unless something is severe; a wrong retake on a fine photo costs a seller, so the points lie where
photos that were called fine do not reach. Where they come from is in `docs/verdicts.md`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from transforms.imaging.types import Assessment, Box, Judgement, Prediction, Reason
from transforms.settings import setting

SHOWN = 0.2
"""Severity from which a reason is told to the seller."""
ACT = 0.35
"""Severity from which a mend is tried."""
SEVERE = 0.7
"""Severity from which a photo cannot be accepted as it is."""
HYSTERESIS = 0.05
"""A mended photo must be this far below `SEVERE`, so that re-encoding it does not flip the verdict."""
MOST_REASONS = 3
"""No more are told at once: a seller acts on the first one."""

BANDS = ((20.0, "bad"), (40.0, "poor"), (60.0, "fair"), (80.0, "good"), (math.inf, "excellent"))
"""Upper end of the score (exclusive) -> the band's name, in the terms of ITU-R BT.500."""

Points = tuple[float, ...]
"""The value from which a reason is shown, acted on, severe; descending where low is bad."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """For each reason the value of its measure from which it is shown, acted on and severe."""

    dark: Points = setting((1.2, 1.6, 3.2), unit="stops", why="highlights below white", decides=True)
    too_dark: Points = setting(
        (2.8, 3.0, 3.4), unit="stops", why="beyond the largest gain that is allowed", decides=True
    )
    bright: Points = setting(
        (0.10, 0.25, 0.90), unit="share", why="of the product clipped, when its ground is not white", decides=True
    )
    burnt_out: Points = setting(
        (0.35, 0.45, 0.60), unit="share", why="of the product clipped, when its ground is not white", decides=True
    )
    low_contrast: Points = setting((0.45, 0.38, 0.10), unit="share", why="span of tones", decides=True)
    cast: Points = setting((9.0, 12.0, 60.0), unit="ΔE", why="tint of near-neutral tones", decides=True)
    blur: Points = setting(
        (0.10, 0.09, 0.07), unit="ratio", why="neighbours' differences against those four pixels apart", decides=True
    )
    noise: Points = setting((6.0, 8.0, 30.0), unit="levels", why="noise where the photo is flattest", decides=True)
    low_res: Points = setting((300.0, 250.0, 200.0), unit="px", why="shorter side", decides=True)
    blank: Points = setting((0.985, 0.99, 0.995), unit="share", why="of the photo without any change", decides=True)
    small: Points = setting((0.06, 0.04, 0.01), unit="share", why="bounding box of the product", decides=True)
    cut_off: Points = setting((0.45, 0.60, 0.95), unit="share", why="of one edge of the frame", decides=True)

    def __post_init__(self) -> None:
        for name in self.__slots__:
            points = getattr(self, name)
            if len(points) != 3 or not (points[0] < points[1] < points[2] or points[0] > points[1] > points[2]):
                raise ValueError(f"{name} must be three numbers, all rising or all falling, not {points}")


@dataclass(frozen=True, slots=True)
class Rule:
    """How a reason is read from the measures: `evidence` goes through the curve of the same name, NaN says nothing."""

    code: str
    evidence: Callable[[Mapping[str, float]], float]
    amount: Callable[[Mapping[str, float]], float]
    mendable: bool = False
    whole: bool = True
    """False when the reason speaks of the product alone, so that its box is told with it."""


def _product_clipped(measures: Mapping[str, float]) -> float:
    """Clipping of the product, unless it stands on a ground that is meant to be white."""
    on_white = measures["ground_plain"] == 1.0 and measures["ground_lightness"] > 95.0
    return math.nan if on_white else measures["product_clipped"]


RULES = (
    Rule("blank", lambda m: m["blank"], lambda m: 100 * m["blank"]),
    Rule("too_dark", lambda m: m["dim_stops"], lambda m: m["dim_stops"]),
    Rule("burnt_out", _product_clipped, lambda m: 100 * m["product_clipped"], whole=False),
    Rule("low_res", lambda m: m["short_side"], lambda m: m["short_side"]),
    Rule("blur", lambda m: m["sharpness"], lambda m: 0.3 / max(m["sharpness"], 1e-3)),
    Rule("cut_off", lambda m: m["cut_off"], lambda m: 100 * m["cut_off"], whole=False),
    Rule("small", lambda m: m["fill"], lambda m: 100 * m["fill"], whole=False),
    Rule("dark", lambda m: m["dim_stops"], lambda m: m["dim_stops"], mendable=True),
    Rule("bright", _product_clipped, lambda m: 3 * m["product_clipped"], mendable=True, whole=False),
    Rule("low_contrast", lambda m: m["contrast"], lambda m: 100 * m["contrast"], mendable=True),
    Rule("cast", lambda m: m["cast"], lambda m: m["cast"], mendable=True),
    Rule("noise", lambda m: m["noise"], lambda m: m["noise"], mendable=True),
)
"""Every reason that the measures can give; of equal severities the earlier one is told first."""

_FRAMING = frozenset({"cut_off", "small"})
_DRAWN = frozenset(
    {
        "blank",
        "overlay",
        "border",
        "collage",
        "screenshot",
        "size_chart",
        "burnt_out",
        "bright",
        "clutter",
        "low_contrast",
    }
)
ROLE_ALLOWS: Mapping[str, frozenset[str]] = {
    "main": frozenset(),
    "unknown": frozenset(),
    "detail": _FRAMING,
    "size chart": _FRAMING | _DRAWN,
}
"""Role of the photo -> reasons that are no fault in it; a role that is not named here allows nothing."""


def severity(value: float, points: Points) -> float:
    """Read a curve: `SHOWN`, `ACT` and `SEVERE` at its three points, straight in between and beyond, within 0..1.

    NaN, a measure that could not be made, is no evidence: 0.
    """
    if math.isnan(value):
        return 0.0
    first, second, third = points
    sign = 1.0 if third > first else -1.0
    value, first, second, third = (sign * x for x in (value, first, second, third))
    if value < second:
        level = SHOWN + (value - first) / (second - first) * (ACT - SHOWN)
    else:
        level = ACT + (value - second) / (third - second) * (SEVERE - ACT)
    return float(np.clip(level, 0.0, 1.0))


def severities(measures: Mapping[str, float], thresholds: Thresholds) -> dict[str, float]:
    """Return the severity 0..1 of every reason of `RULES`, shown or not."""
    return {rule.code: severity(rule.evidence(measures), getattr(thresholds, rule.code)) for rule in RULES}


def judge(
    assessment: Assessment,
    prediction: Prediction | None,
    thresholds: Thresholds | None = None,
    role: str = "unknown",
) -> Judgement:
    """Judge a photo as it is.

    `retake`: a reason is severe that no operation removes. `improve`: a reason asks for a mend. `accept`: neither.
    What is delivered in the end is for `conclude` to say, once a mend was tried.
    """
    thresholds = thresholds or Thresholds()
    levels = severities(assessment.measures, thresholds)
    allowed = ROLE_ALLOWS.get(role.replace("_", " ").lower(), frozenset())
    found = [
        Reason(
            rule.code,
            round(levels[rule.code], 4),
            assessment.region if not rule.whole and assessment.region_confidence > 0 else None,
            _amount(rule, assessment.measures),
        )
        for rule in RULES
        if levels[rule.code] >= SHOWN and rule.code not in allowed
    ]
    found = _without_echo(found)
    found.sort(key=lambda reason: -reason.severity)
    mendable = {rule.code for rule in RULES if rule.mendable}
    mend = tuple(reason.code for reason in found if reason.code in mendable and reason.severity >= ACT)
    hopeless = any(reason.severity >= SEVERE and reason.code not in mendable for reason in found)
    verdict = "retake" if hopeless else "improve" if mend else "accept"
    return Judgement(verdict, band(prediction.score if prediction else None), tuple(found[:MOST_REASONS]), mend)


def conclude(before: Judgement, after: Judgement | None = None) -> str:
    """Give the verdict on what was received, once a mend was tried.

    Args:
        before: of the photo as it is.
        after: of the mended photo, None where no mend was kept.

    Returns:
        `improve` when a mend was kept and nothing severe is left in it; else `retake` when something severe is left in
        the photo as it is; else `accept`.
    """
    if after is not None and _worst(after) < SEVERE - HYSTERESIS:
        return "improve"
    return "retake" if _worst(before) >= SEVERE else "accept"


def band(score: float | None) -> str | None:
    """Name the band of a score 0..100; None for a photo that was not scored."""
    if score is None:
        return None
    return next(name for end, name in BANDS if score < end)


def _worst(judgement: Judgement) -> float:
    return max((reason.severity for reason in judgement.reasons), default=0.0)


_ECHOES = {"too_dark": ("dark", "low_contrast", "noise"), "burnt_out": ("bright", "low_contrast"), "blank": ("*",)}
"""A reason -> those that only repeat it."""


def _without_echo(found: list[Reason]) -> list[Reason]:
    codes = {reason.code for reason in found if reason.severity >= ACT}
    silenced = {echo for code in codes for echo in _ECHOES.get(code, ())}
    if "*" in silenced:
        return [reason for reason in found if reason.code == "blank"]
    return [reason for reason in found if reason.code not in silenced]


def _amount(rule: Rule, measures: Mapping[str, float]) -> float | None:
    amount = rule.amount(measures)
    return round(amount, 3) if math.isfinite(amount) else None


__all__ = ["ACT", "SEVERE", "SHOWN", "Box", "Thresholds", "band", "conclude", "judge", "severities", "severity"]
