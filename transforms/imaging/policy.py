"""From measures to a verdict: each reason's severity by one curve, each curve's three points in one table.

What the model says of a defect may tell a reason beside the verdict, never change it.

A photo is accepted unless something is severe; a wrong retake on a fine photo costs a seller, so the points lie where
photos that were called fine do not reach. Where they come from is in `docs/verdicts.md`.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from transforms.imaging.combined import pairs
from transforms.imaging.types import Assessment, Judgement, Prediction, Reason
from transforms.settings import setting

SHOWN = 0.2
"""Severity from which a reason is told to the seller."""
ACT = 0.35
"""Severity from which a mend is tried."""
SEVERE = 0.7
"""Severity from which a photo cannot be accepted as it is."""
HYSTERESIS = 0.05
"""A mended photo must be this far below `SEVERE`, so that re-encoding it does not flip the verdict."""
TOLD_MOST = 0.3
"""Severity that a reason gets at most from what depends on the model: told, but never acted on."""
MOST_REASONS = 3
"""No more are told at once: a seller acts on the first one."""

BANDS = ((20.0, "bad"), (40.0, "poor"), (60.0, "fair"), (80.0, "good"), (math.inf, "excellent"))
"""Upper end of the score (exclusive) -> the band's name, in the terms of ITU-R BT.500."""

Points = tuple[float, ...]
"""The value from which a reason is shown, acted on, severe; descending where low is bad."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """For each reason the value of its measure from which it is shown, acted on and severe."""

    dark: Points = setting((0.33, 0.49, 3.6), unit="stops", why="light below what it should be", decides=True)
    too_dark: Points = setting((2.6, 2.7, 2.9), unit="stops", why="beyond the gain that noise allows", decides=True)
    bright: Points = setting((0.9, 4.6, 60.0), unit="log-odds", why="a stop or more too light", decides=True)
    high_key: Points = setting((1.12, 1.16, 9.0), unit="stops", why="mean light above middle grey", decides=True)
    burnt_out: Points = setting((0.3, 0.6, 1.0), unit="log-odds", why="burnt out, by some three stops", decides=True)
    low_contrast: Points = setting(
        (0.35, 0.31, -0.4), unit="share", why="span of tones less half its veil", decides=True
    )
    uneven_light: Points = setting((3.84, 4.0, 20.0), unit="stops", why="fall of light over the ground", decides=True)
    cast: Points = setting((10.1, 16.9, 60.0), unit="ΔE", why="tint of what should be neutral", decides=True)
    blur: Points = setting((0.7, 4.0, 60.0), unit="log-odds", why="blurred at full view: told, not fatal", decides=True)
    blur_400: Points = setting((1.15, 1.3, 1.5), unit="px", why="width of a blur that is seen at 400 px", decides=True)
    motion_400: Points = setting((1.5, 1.7, 1.9), unit="px", why="as blur_400, when the camera moved", decides=True)
    enlarged: Points = setting((1.9, 40.0, 60.0), unit="log-odds", why="enlarged by half and more: told", decides=True)
    noise: Points = setting((8.5, 10.0, 60.0), unit="levels", why="noise where the photo is flattest", decides=True)
    compression: Points = setting((2.6, 2.9, 60.0), unit="levels", why="height of block edges", decides=True)
    low_res: Points = setting((300.0, 250.0, 200.0), unit="px", why="shorter side", decides=True)
    blank: Points = setting((0.985, 0.99, 0.995), unit="share", why="of the photo without any change", decides=True)
    text_only: Points = setting(
        (0.25, 0.3, 0.35), unit="share", why="of the picture under writing, where there are lines enough", decides=True
    )
    not_a_photo: Points = setting((1.5, 2.2, 3.0), unit="log-odds", why="that it was drawn or computed", decides=True)
    small: Points = setting((0.015, 0.01, 0.003), unit="share", why="bounding box of the product", decides=True)
    cut_off: Points = setting((2.0, 2.7, 3.8), unit="log-odds", why="that an edge cuts the product", decides=True)
    clutter: Points = setting((0.80, 0.90, 4.0), unit="share", why="of the ground at strong edges", decides=True)
    border: Points = setting((0.01, 0.05, 0.9), unit="share", why="of the photo that is border", decides=True)
    drawn: Points = setting(
        (0.90, 0.915, 0.93), unit="share", why="of the picture in its five commonest tones", decides=True
    )
    overlay: Points = setting((0.0005, 0.03, 0.1), unit="share", why="of the photo under text laid over", decides=True)
    screenshot: Points = setting((0.03, 0.04, 0.06), unit="share", why="of the height in a screen's bars", decides=True)
    glare: Points = setting((0.002, 0.005, 0.3), unit="share", why="of the photo under reflections", decides=True)
    collage: Points = setting((0.95, 0.97, 1.2), unit="share", why="length of the straightest inner edge", decides=True)
    both_blur: Points = setting(
        (-0.62, 40.0, 60.0), unit="log-odds", why="blur, by measure and model: told", decides=True
    )
    both_noise: Points = setting(
        (2.04, 40.0, 60.0), unit="log-odds", why="noise, by measure and model: told", decides=True
    )
    both_contrast: Points = setting(
        (1.44, 40.0, 60.0), unit="log-odds", why="a veil, by measure and model: told", decides=True
    )
    both_light: Points = setting(
        (2.0, 40.0, 60.0), unit="log-odds", why="slanting light, by measure and model: told", decides=True
    )

    def __post_init__(self) -> None:
        for name in self.__slots__:
            points = getattr(self, name)
            if len(points) != 3 or not (points[0] < points[1] < points[2] or points[0] > points[1] > points[2]):
                raise ValueError(f"{name} must be three numbers, all rising or all falling, not {points}")


Measures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Rule:
    """How a reason is read from the measures: `evidence` goes through one curve of the table; NaN says nothing."""

    code: str
    curve: str
    """The field of `Thresholds`; a code may have two rules, of which the severer one speaks."""
    evidence: Callable[[Measures], float]
    amount: Callable[[Measures], float]
    mendable: bool = False
    whole: bool = True
    """False when the reason speaks of the product alone, so that its box is told with it."""


_COARSE, _SURELY = 20.0, 2.5


def _blocky(measures: Measures) -> float:
    """Height of block edges; of more weight where the file itself names so coarse a quantization, as on smooth grounds."""
    return measures["blocks"] * (_SURELY if measures["jpeg_quality"] <= _COARSE else 1.0)


def _light_missing(measures: Measures) -> float:
    """Stops below a good exposure, by highlights and mean alike: a black product lowers only the mean."""
    return (measures["dim_stops"] + measures["mean_stops"]) / 2


def _lost_in_the_dark(measures: Measures) -> float:
    """As `_light_missing`, but a dark scene with bright highlights in it is meant to be dark."""
    return min(_light_missing(measures), measures["dim_stops"])


_IN_PART = 0.03
"""Share of pixels with two channels clipped that light that is too strong leaves, and neither a white studio ground (all
three) nor a red sheet (one) does: 1 in 100 studio photos has as much."""


def _burnt(measures: Measures) -> float:
    """Clipping of the middle, more where channels clip in part, less where they do not."""
    centre, partly = measures["clipped_centre"], measures["clipped_partly"]
    return 0.6 * centre if partly < _IN_PART else centre + 3 * min(partly, centre)


def _burnt_out(measures: Measures) -> float:
    """Log-odds of three stops too many; a product whose median is below middle grey is not burnt, whatever its ground is."""
    return measures["burnt"] if measures["product_stops"] > 0.0 else math.nan


def _on_white(measures: Measures) -> bool:
    """Whether the ground is white on purpose, as far as can be told: by its lightness, or clipped at most of the border."""
    plain = measures["ground_plain"] == 1.0 and measures["ground_lightness"] > 95.0
    return plain or measures["clipped_border"] > 0.5


def _high_key(measures: Measures) -> float:
    """Stops of the mean above middle grey; nothing on a ground that is meant to be white."""
    return math.nan if _on_white(measures) else -measures["mean_stops"]


def _tinted(measures: Measures) -> float:
    """What neutral pixels say, twice, and what surfaces and edges agree on: each alone calls coloured scenes tinted.

    A light that is beyond doubt coloured speaks for itself, where there may be no near-neutral pixel left.
    """
    together = (2 * measures["tint"] + measures["cast"]) / 3
    return max(1.5 * measures["lamp"], 0.0 if math.isnan(together) else together)


def _veiled_span(measures: Measures) -> float:
    return measures["contrast"] - 0.5 * measures["black_point"]


_SURE = {"motion": 2.5, "blur": 4.0, "enlarged": 4.0}
"""Log-odds from which a blur at 400 px may be fatal; of 300 uploads kept out of fitting one passes."""


def _kind(measures: Measures, suffix: str = "") -> str:
    if measures["motion" + suffix] >= 0.5:
        return "motion"
    return "enlarged" if measures["enlarged" + suffix] >= 0.5 else "blur"


def _blur_of(kind: str) -> Callable[[Measures], float]:
    return lambda m: m["blur"] if _kind(m) == kind else math.nan


def _wide_blur_of(kind: str) -> Callable[[Measures], float]:
    sure_and = lambda m: m["blur_400"] >= _SURE[kind] and _kind(m, "_400") == kind  # noqa: E731
    return lambda m: m["blur_width_400"] if sure_and(m) else math.nan


def _slightly_enlarged(measures: Measures) -> float:
    """Log-odds of enlargement, where the detector of blur is not sure of any kind: that one then tells which."""
    return math.nan if measures["blur"] >= _SURE["blur"] else measures["enlarged_odds"]


def _moved(measures: Measures) -> float:
    """Length of the path: a uniform one has a standard deviation of its length over the root of 12."""
    return measures["blur_width"] * math.sqrt(12)


WRITTEN_OVER = 4.0
"""Log-odds from which text is taken as laid over: one in a hundred products with writing on them passes (bench/fit_overlay.py)."""


def _laid_over(measures: Measures) -> float:
    """Share of the photo under text that was laid over it, nothing where that may be the product's own print."""
    return measures["overlay_cover"] if measures["overlay"] >= WRITTEN_OVER else math.nan


def _likely_drawn(measures: Measures) -> float:
    """Percent, of the log-odds."""
    return 100 / (1 + math.exp(-measures["unphotographic"]))


_PAGE_LINES = 10.0
"""Lines of writing from which a picture may be a page: of the uploads' garments none has as many."""


def _page(measures: Measures) -> float:
    """Share of the picture under writing, where that is of many lines: one great print on a shirt is no page."""
    return measures["text_cover"] if measures["text_lines"] >= _PAGE_LINES else math.nan


RULES = (
    Rule("blank", "blank", lambda m: m["blank"], lambda m: 100 * m["blank"]),
    Rule("text_only", "text_only", _page, lambda m: 100 * m["text_cover"]),
    Rule("size_chart", "drawn", lambda m: m["few_tones"], lambda m: 100 * m["few_tones"]),
    Rule("not_a_photo", "not_a_photo", lambda m: m["unphotographic"], _likely_drawn),
    Rule("too_dark", "too_dark", _lost_in_the_dark, _light_missing),
    Rule("burnt_out", "burnt_out", _burnt_out, lambda m: 100 * (m["clipped"] + m["clipped_partly"])),
    Rule("low_res", "low_res", lambda m: m["short_side"], lambda m: m["short_side"]),
    Rule("enlarged", "blur_400", _wide_blur_of("enlarged"), lambda m: 2 * m["blur_width_400"]),
    Rule("motion", "motion_400", _wide_blur_of("motion"), _moved),
    Rule("blur", "blur_400", _wide_blur_of("blur"), lambda m: m["blur_width"]),
    Rule("enlarged", "blur", _blur_of("enlarged"), lambda m: 2 * m["blur_width"]),
    Rule("enlarged", "enlarged", _slightly_enlarged, lambda m: 2 * m["blur_width"]),
    Rule("motion", "blur", _blur_of("motion"), _moved),
    Rule("blur", "blur", _blur_of("blur"), lambda m: m["blur_width"]),
    Rule("cut_off", "cut_off", lambda m: m["cut_odds"], lambda m: 100 * m["cut_off"], whole=False),
    Rule("small", "small", lambda m: m["fill"], lambda m: 100 * m["fill"], whole=False),
    Rule("collage", "collage", lambda m: m["seam"], lambda m: 2.0),
    Rule("overlay", "overlay", _laid_over, lambda m: 100 * m["overlay_cover"]),
    Rule("screenshot", "screenshot", lambda m: m["screen_bars"], lambda m: 100 * m["screen_bars"]),
    Rule("glare", "glare", lambda m: m["glare"], lambda m: 100 * m["glare"], whole=False),
    Rule("border", "border", lambda m: m["border"], lambda m: 100 * m["border"]),
    Rule("dark", "dark", _light_missing, _light_missing, mendable=True),
    Rule("bright", "bright", lambda m: m["overexposed"], lambda m: max(0.3, 3 * _burnt(m)), mendable=True),
    Rule("bright", "high_key", _high_key, _high_key, mendable=True),
    Rule("low_contrast", "low_contrast", _veiled_span, lambda m: 100 * m["contrast"], mendable=True),
    Rule("cast", "cast", _tinted, _tinted, mendable=True),
    Rule("uneven_light", "uneven_light", lambda m: m["light_fall"], lambda m: m["light_fall"], mendable=True),
    Rule("noise", "noise", lambda m: m["noise"], lambda m: m["noise"], mendable=True),
    Rule("compression", "compression", _blocky, lambda m: m["blocks"], mendable=True),
    Rule("clutter", "clutter", lambda m: m["clutter"], lambda m: 100 * m["clutter"]),
)
"""Every reason that the measures can give; of equal severities the earlier one is told first."""


@dataclass(frozen=True, slots=True)
class Both:
    """How a reason is read from a measure and the model together; it may tell what the measures alone do not, and no more."""

    curve: str
    """The field of `Thresholds`, and the line's name in `combined.pairs`."""
    defect: str
    """The model's name of the defect."""
    of: str
    """The curve of the rules whose evidence is read, and whose reason is told."""

    def rule(self, measures: Measures) -> Rule:
        """Return which of those rules speaks: the one that has evidence."""
        rules = [rule for rule in RULES if rule.curve == self.of]
        return next((rule for rule in rules if not math.isnan(rule.evidence(measures))), rules[-1])

    def odds(self, measures: Measures, probability: float) -> float:
        """Return the log-odds of the defect."""
        return pairs()[self.curve].odds(self.rule(measures).evidence(measures), probability)


BOTH = (
    Both("both_blur", "blur", "blur"),
    Both("both_noise", "noise", "noise"),
    Both("both_contrast", "low_contrast", "low_contrast"),
    Both("both_light", "uneven_light", "uneven_light"),
)
"""The reasons for which measure and model together are better than the measure alone."""

_FRAMING = frozenset({"cut_off", "small"})
_FIXED = _FRAMING | {"collage", "border", "overlay", "screenshot", "size_chart", "low_res"}
"""What lies where, and how many pixels there are: no mend changes it, so the photo as it came is the one to judge it on."""
_DRAWN = frozenset(
    {
        "blank",
        "overlay",
        "border",
        "collage",
        "screenshot",
        "size_chart",
        "text_only",
        "not_a_photo",
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
    return float(min(max(level, 0.0), 1.0))


def severities(measures: Measures, thresholds: Thresholds) -> dict[str, float]:
    """Return the severity 0..1 of every reason of `RULES`, shown or not."""
    return {code: level for code, (level, _) in _strongest(measures, thresholds).items()}


def _strongest(measures: Measures, thresholds: Thresholds) -> dict[str, tuple[float, Rule]]:
    """Return for each code the severity of its severest rule, and that rule."""
    found: dict[str, tuple[float, Rule]] = {}
    for rule in RULES:
        level = severity(rule.evidence(measures), getattr(thresholds, rule.curve))
        if rule.code not in found or level > found[rule.code][0]:
            found[rule.code] = level, rule
    return found


def _told_by_both(
    measures: Measures, defects: Mapping[str, float], levels: Mapping[str, tuple[float, Rule]], thresholds: Thresholds
) -> dict[str, tuple[float, Rule]]:
    """Return the reasons that measure and model tell together and the measures alone do not: code -> severity and a rule."""
    found: dict[str, tuple[float, Rule]] = {}
    for both in BOTH:
        as_much = {rule.code for rule in RULES if rule.curve == both.of}
        if both.defect not in defects or any(levels[code][0] >= SHOWN for code in as_much):
            continue
        level = severity(both.odds(measures, defects[both.defect]), getattr(thresholds, both.curve))
        if level >= SHOWN:
            rule = both.rule(measures)
            found[rule.code] = min(level, TOLD_MOST), rule
    return found


CALIBRATED: Mapping[str, tuple[float, float]] = {
    "dark": (0.030, 0.010),
    "cast": (0.030, 0.006),
    "low_contrast": (0.010, 0.004),
    "high_key": (0.005, 0.002),
    "uneven_light": (0.003, 0.0),
}
"""Curve -> shares of photos without fault that may be shown it, and acted on for it: the budget of false alarms."""


def calibrate(spotless: Sequence[Measures], thresholds: Thresholds) -> Thresholds:
    """Move the points of light and colour to where only a set share of photos without fault lies beyond them.

    What is severe is left as it is: it comes from photos ruined on purpose, not from labels.
    """
    moved: dict[str, Points] = {}
    for curve, (shown, acted) in CALIBRATED.items():
        rule = next(rule for rule in RULES if rule.curve == curve)
        severe = getattr(thresholds, rule.curve)[2]
        sign = 1.0 if getattr(thresholds, rule.curve)[0] < severe else -1.0
        values = np.array([value for value in map(rule.evidence, spotless) if math.isfinite(value)]) * sign
        first, second = (float(np.quantile(values, 1 - share)) for share in (shown, acted))
        moved[rule.curve] = (round(sign * first, 3), round(sign * max(second, first + 0.02), 3), severe)
    return replace(thresholds, **moved)


def judge(
    assessment: Assessment,
    prediction: Prediction | None,
    thresholds: Thresholds | None = None,
    role: str = "unknown",
) -> Judgement:
    """Judge a photo as it is.

    `retake`: a reason is severe that no operation removes. `improve`: a reason asks for a mend. `accept`: neither.
    What is delivered in the end is for `conclude` to say, once a mend was tried. A prediction may add reasons that are told
    (`BOTH`); verdict and mend are the same without one.
    """
    thresholds = thresholds or Thresholds()
    levels = _strongest(assessment.measures, thresholds)
    if prediction:
        levels |= _told_by_both(assessment.measures, prediction.defects, levels, thresholds)
    allowed = ROLE_ALLOWS.get(role.replace("_", " ").lower(), frozenset())
    found = [
        Reason(
            code,
            round(level, 4),
            assessment.region if not rule.whole and assessment.region_confidence > 0 else None,
            _amount(rule, assessment.measures),
        )
        for code, (level, rule) in levels.items()
        if level >= SHOWN and code not in allowed
    ]
    told = _without_echo(found)
    # What is too dark is told once, and yet may be brought up: the mended photo is judged anew.
    kept = {reason.code for reason in told} | ({"dark"} if any(reason.code == "too_dark" for reason in told) else set())
    asked = sorted((reason for reason in found if reason.code in kept), key=lambda reason: -reason.severity)
    found = told
    found.sort(key=lambda reason: -reason.severity)
    mendable = {rule.code for rule in RULES if rule.mendable}
    mend = tuple(reason.code for reason in asked if reason.code in mendable and reason.severity >= ACT)
    hopeless = any(reason.severity >= SEVERE and reason.code not in mendable for reason in found)
    verdict = "retake" if hopeless else "improve" if mend else "accept"
    return Judgement(verdict, band(prediction.score if prediction else None), tuple(found[:MOST_REASONS]), mend)


def conclude(before: Judgement, after: Judgement | None = None) -> str:
    """Give the verdict on what was received, once a mend was tried.

    Args:
        before: of the photo as it is.
        after: of the mended photo, None where no mend was kept.

    Returns:
        `retake` when something was severe that no operation removes (a mend of such a photo is a proposal at best);
        `improve` when a mend was kept and nothing severe is left in it that a mend can change; else `retake` when something
        severe is left in the photo as it is; else `accept`.
    """
    if before.verdict == "retake":
        return "retake"
    if after is not None:
        # Nothing that a mend cannot change was severe, or the verdict were retake; read anew it may be, by a hair.
        changed = [reason for reason in after.reasons if reason.code not in _FIXED]
        if _worst(changed) < SEVERE - HYSTERESIS:
            return "improve"
    return "retake" if _worst(before.reasons) >= SEVERE else "accept"


def band(score: float | None) -> str | None:
    """Name the band of a score 0..100; None for a photo that was not scored."""
    if score is None:
        return None
    return next(name for end, name in BANDS if score < end)


def _worst(reasons: Iterable[Reason]) -> float:
    return max((reason.severity for reason in reasons), default=0.0)


_ECHOES = {
    "too_dark": ("dark", "low_contrast", "noise", "uneven_light", "compression"),
    "burnt_out": ("bright", "low_contrast", "uneven_light"),
    "enlarged": ("blur", "motion"),
    "motion": ("blur",),
    "text_only": ("not_a_photo", "size_chart", "overlay", "clutter", "bright", "burnt_out", "low_contrast"),
    "not_a_photo": ("blur", "motion", "enlarged", "noise", "low_contrast", "cast"),
    "size_chart": ("low_contrast", "bright", "burnt_out", "uneven_light", "not_a_photo"),
    "screenshot": ("not_a_photo",),
    "blank": ("*",),
}
"""A reason -> those that only repeat it."""
_BLURRED = frozenset({"blur", "motion", "enlarged"})
"""Kinds of one thing: of a severe one the full view and that at 400 px may call two."""


def _without_echo(found: list[Reason]) -> list[Reason]:
    """Leave out what only repeats another reason; what is severe repeats no reason that is not."""
    silenced, hushed = (
        {echo for reason in found if reason.severity >= least for echo in _ECHOES.get(reason.code, ())}
        for least in (SEVERE, ACT)
    )
    if any(reason.code in _BLURRED and reason.severity >= SEVERE for reason in found):
        hushed |= _BLURRED
    if "*" in hushed:
        return [reason for reason in found if reason.code == "blank"]
    return [reason for reason in found if reason.code not in (silenced if reason.severity >= SEVERE else hushed)]


def _amount(rule: Rule, measures: Measures) -> float | None:
    amount = rule.amount(measures)
    return round(amount, 3) if math.isfinite(amount) else None
