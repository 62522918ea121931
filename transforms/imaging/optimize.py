"""Mend a photo: for each severe defect the operation made for it, at the weakest strength that removes it, behind the
guard.

The photo is left as it was unless the guard is content; everything tried is in the result, with the bound that stopped
it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from transforms.imaging.fixes.contrast import stretch, stretch_ends
from transforms.imaging.fixes.exposure import expose, exposure_gain
from transforms.imaging.fixes.total_variation import denoise_total_variation
from transforms.imaging.fixes.white_balance import balance, balance_gains, ground_light, shades_of_grey
from transforms.imaging.guard import Bounds, Touches, broken_by_pixels, broken_by_severity
from transforms.imaging.types import Action, Assessment, Judgement, Mended, Photo, Pixels

Severities = Callable[[Pixels], Mapping[str, float]]
"""Measures pixels again and says how severe each defect is: reason code -> 0..1."""

Parameters = Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Plan:
    """One operation fitted to one photo: `apply(strength)` gives the mended pixels and the parameters used, strength
    0..1.
    """

    operation: str
    touches: Touches
    strengths: tuple[float, ...]
    apply: Callable[[float], tuple[Pixels, Parameters]]


def optimize(
    photo: Photo, assessment: Assessment, judgement: Judgement, bounds: Bounds, remeasure: Severities
) -> Mended:
    """Mend what `judgement.mend` names, in the order in which defects arise in a camera, last first.

    Args:
        photo: decoded pixels, and the JPEG quality where known.
        assessment: what was measured.
        judgement: `mend` names the severe reasons that an operation may remove.
        bounds: the guard's numbers.
        remeasure: severities of the pixels it is given, by the same measures and policy as the verdict.

    Returns:
        Pixels of the same size where at least one operation was kept, None otherwise. Never raises for a photo: one
        that cannot be mended is declined.
    """
    wanted = [(code, make) for code, make in PLANS if code in judgement.mend]
    if not wanted:
        return Mended(None)
    pixels = photo.pixels
    severities = remeasure(pixels)
    kept: list[Action] = []
    declined: list[Action] = []
    for code, make in wanted:
        before = severities.get(code, 0.0)
        if not before > bounds.act:
            continue
        plan = make(pixels)
        if plan is None:
            declined.append(Action(code, {}, before, before, "evidence"))
            continue
        tried, action, after = _weakest(code, plan, pixels, severities, bounds, remeasure)
        if tried is None:
            declined.append(action)
        else:
            kept.append(action)
            pixels, severities = tried, after
    return Mended(pixels if kept else None, tuple(kept), tuple(declined))


def _weakest(
    code: str, plan: Plan, pixels: Pixels, before: Mapping[str, float], bounds: Bounds, remeasure: Severities
) -> tuple[Pixels | None, Action, Mapping[str, float]]:
    """The first strength after which the defect is no longer one to act on; else the strongest that the guard lets
    pass.
    """
    best: tuple[Pixels, Action, Mapping[str, float]] | None = None
    failed = Action(plan.operation, {}, before[code], before[code], "fall")
    for strength in plan.strengths:
        candidate, parameters = plan.apply(strength)
        after = remeasure(candidate)
        bound = broken_by_severity(code, before, after, bounds)
        bound = bound or broken_by_pixels(pixels, candidate, plan.touches, bounds)
        action = Action(plan.operation, {**parameters, "strength": strength}, before[code], after.get(code, 0.0), bound)
        if bound is not None:
            failed = action
            if bound == "fall":
                continue  # too weak; more may do
            break  # more would break it further
        best = candidate, action, after
        if after.get(code, 0.0) <= bounds.act:
            break
    if best is None:
        return None, failed, before
    return best


def plan_denoise(pixels: Pixels) -> Plan | None:
    """Total variation by the noise found in luma and chroma."""
    if min(pixels.shape[:2]) < 16:
        return None

    def apply(strength: float) -> tuple[Pixels, Parameters]:
        return denoise_total_variation(pixels, 1.2 * strength), {"weight": 1.2 * strength}

    return Plan("denoise_total_variation", Touches.DETAIL, (0.5, 0.75, 1.0), apply)


def plan_exposure(pixels: Pixels) -> Plan | None:
    """Gain in linear light towards a 98th percentile of .8."""
    full = exposure_gain(pixels)
    if full <= 1.05:
        return None

    def apply(strength: float) -> tuple[Pixels, Parameters]:
        gain = full**strength
        return expose(pixels, gain), {"gain": round(gain, 4)}

    return Plan("exposure_gain", Touches.TONE, (0.5, 0.65, 0.8, 1.0), apply)


def plan_contrast(pixels: Pixels) -> Plan | None:
    """Stretch of the .5 to 99.5 per cent range."""
    low, high = stretch_ends(pixels)
    if high - low < 16 or high - low > 240:
        return None

    def apply(strength: float) -> tuple[Pixels, Parameters]:
        to_low, to_high = low * (1 - strength), high + (255 - high) * strength
        parameters = {"low": low, "high": high, "to_low": round(to_low, 2), "to_high": round(to_high, 2)}
        return stretch(pixels, low, high, to_low, to_high), parameters

    return Plan("contrast_stretch", Touches.TONE, (0.25, 0.5, 0.75, 1.0), apply)


def plan_white_balance(pixels: Pixels) -> Plan | None:
    """From a plain light ground where there is one, otherwise by shades of grey."""
    light, source = ground_light(pixels), "ground"
    if light is None:
        light, source = shades_of_grey(pixels), "shades_of_grey"
    if light is None or min(light) <= 0:
        return None
    known = light

    def apply(strength: float) -> tuple[Pixels, Parameters]:
        gains = balance_gains(known, strength)
        named = dict(zip(("red", "green", "blue"), (round(gain, 4) for gain in gains), strict=True))
        return balance(pixels, gains), {"neutral": source, **named}

    touches = Touches.COLOUR_PROVEN if source == "ground" else Touches.COLOUR
    return Plan("white_balance", touches, (0.5, 0.75, 1.0), apply)


PLANS: tuple[tuple[str, Callable[[Pixels], Plan | None]], ...] = (
    ("noise", plan_denoise),
    ("dark", plan_exposure),
    ("cast", plan_white_balance),
    ("low_contrast", plan_contrast),
)
"""Reason code -> the operation made for it, in the order in which they run: noise first, before a gain brings it up.
"""
