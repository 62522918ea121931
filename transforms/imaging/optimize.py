"""Mend a photo: for each severe defect the operation made for it, at the weakest strength that removes it, behind the
guard.

The photo is left as it was unless the guard is content; everything tried is in the result, with the bound that stopped
it.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from transforms.imaging.fixes.contrast import stretch, stretch_ends
from transforms.imaging.fixes.deblock import deblock
from transforms.imaging.fixes.exposure import expose, exposure_gain
from transforms.imaging.fixes.light import to_linear
from transforms.imaging.fixes.sliding_dct import denoise_sliding_dct, noise_levels
from transforms.imaging.fixes.white_balance import (
    allowed_doubt,
    balance,
    balance_gains,
    coloured_light,
    known_light,
    warmth,
)
from transforms.imaging.guard import Bounds, Touches, broken_by_pixels, broken_by_severity, risen
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
    if not judgement.mend:
        return Mended(None)
    wanted = [(code, make) for code, make in PLANS if code in judgement.mend]
    pixels = photo.pixels
    severities = remeasure(pixels)
    kept: list[Action] = []
    known = {code for code, _ in PLANS}
    declined = [_untried(code, severities, "operation") for code in judgement.mend if code not in known]
    for code, make in wanted:
        before = severities.get(code, 0.0)
        if not before > bounds.act:
            continue
        plan = make(pixels, photo)
        if plan is None:
            declined.append(_untried(code, severities, "evidence"))
            continue
        tried, action, after = _weakest(code, plan, pixels, severities, bounds, remeasure)
        if tried is None:
            declined.append(action)
        else:
            kept.append(action)
            pixels, severities = tried, after
    return Mended(pixels if kept else None, tuple(kept), tuple(declined))


def _untried(code: str, severities: Mapping[str, float], why: str) -> Action:
    """Nothing was tried: there is no `operation` that was shown to do no harm, or the photo gives no `evidence`."""
    return Action(code, {}, severities.get(code, 0.0), severities.get(code, 0.0), why)


def _weakest(
    code: str, plan: Plan, pixels: Pixels, before: Mapping[str, float], bounds: Bounds, remeasure: Severities
) -> tuple[Pixels | None, Action, Mapping[str, float]]:
    """The first strength after which the defect is gone; else the strongest that the guard lets pass."""
    best: tuple[Pixels, Action, Mapping[str, float]] | None = None
    failed = Action(plan.operation, {}, before[code], before[code], "fall")
    for strength in plan.strengths:
        candidate, parameters = plan.apply(strength)
        after = remeasure(candidate)
        bound = broken_by_severity(code, before, after, plan.touches, bounds)
        bound = bound or broken_by_pixels(pixels, candidate, plan.touches, bounds)
        if bound == "rise":
            parameters = {**parameters, "risen": " ".join(risen(code, before, after, plan.touches, bounds))}
        action = Action(plan.operation, parameters, before[code], after.get(code, 0.0), bound)
        if bound is not None:
            failed = action
            if bound == "fall":
                continue  # too weak; more may do
            break  # more would break it further
        best = candidate, action, after
        if after.get(code, 0.0) <= bounds.removed:
            break
    if best is None:
        return None, failed, before
    return best


_COARSE = 20
"""JPEG quality above which less is gained than writing the photo once more costs."""
_BUSY = 76.0
"""Mean slope of luma at half size, grey values a pixel by Sobel's filter, from which blocks do not show for texture."""


def plan_deblock(pixels: Pixels, photo: Photo) -> Plan | None:
    """JPEG again on shifted grids, by the quality that the file names; the photo's own grid must still be in place."""
    quality = photo.jpeg_quality
    if quality is None or quality > _COARSE or min(pixels.shape[:2]) < 8:
        return None
    smooth = deblock(pixels, quality, 1.0)
    if _slope(smooth) > _BUSY:
        return None

    def apply(strength: float) -> tuple[Pixels, Parameters]:
        mended = np.asarray(cv2.addWeighted(pixels, 1.0 - strength, smooth, strength, 0.0), np.uint8)
        return mended, {"quality": quality, "strength": strength}

    return Plan("deblock", Touches.DETAIL, (0.4, 0.6, 0.8), apply)


def _slope(pixels: Pixels) -> float:
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    half = cv2.resize(luma, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    return float(cv2.magnitude(cv2.Sobel(half, cv2.CV_32F, 1, 0), cv2.Sobel(half, cv2.CV_32F, 0, 1)).mean())


_GRAIN = 0.19
"""Least noise in chroma as a share of that in luma, of chroma that luma does not explain: a sensor's has .2 to .36, a
weave without a quiet spot under .08, and grain on a weave lies between: what is taken for luma noise is cloth in part."""
_BURIED = 19.0
"""Noise in luma, grey values, beyond which so little is left of the photo that texture and noise cannot be told apart."""
_KEPT = 0.1
"""Share of the grain that is left: a photo without any looks painted, and what little texture was taken comes back."""

_DENOISED = 0.85
"""Strength of the thresholds."""


def plan_denoise(pixels: Pixels, photo: Photo) -> Plan | None:
    """Sliding DCT by the noise's own spectrum, in luma and chroma apart, where there is noise in both."""
    if not 0 < _sensor_noise(pixels) <= _BURIED:
        return None

    def apply(strength: float) -> tuple[Pixels, Parameters]:
        return _denoised(pixels, strength), {"strength": strength, "grain_kept": _KEPT}

    return Plan("denoise_sliding_dct", Touches.DETAIL, (_DENOISED,), apply)


def _sensor_noise(pixels: Pixels) -> float:
    """Noise in luma, grey values, where chroma shows that it is a sensor's; else 0."""
    if min(pixels.shape[:2]) < 32:
        return 0.0
    luma, *chroma = noise_levels(pixels)
    return luma if max(chroma) >= _GRAIN * luma else 0.0


def _denoised(pixels: Pixels, strength: float) -> Pixels:
    smooth = denoise_sliding_dct(pixels, strength)
    return np.asarray(cv2.addWeighted(smooth, 1.0 - _KEPT, pixels, _KEPT, 0.0), np.uint8)


_DARK = 2.0**1.6
"""Gain that a photo must ask for: a scene that is dim as it comes, or loses light to a coloured lamp, asks for less."""
_LOST = 2.0**3.5
"""Gain beyond which there is more noise and banding to bring up than photo."""
_BLACK_OF_WHITE = 0.08
"""Linear light of the darkest half per cent as a share of the lightest's, above which there is a veil over a dark photo:
loss of light leaves black black."""


_MOST = 0.7
"""Share of the stops that seem to be missing, up to which light is brought up."""
_GRAIN_SEEN = 5.0
"""Noise in luma, grey values, that a gain would make of a sensor's, from which it is taken away before."""


def plan_exposure(pixels: Pixels, photo: Photo) -> Plan | None:
    """Gain in linear light part of the way to a 98th percentile of .8: how light the scene was nobody knows, and a photo
    that was meant to be dim must not be made brighter by more than it lacks. A sensor's noise goes first: a gain raises it.
    """
    full = exposure_gain(pixels)
    if full < _DARK or exposure_gain(pixels, cap=math.inf) > _LOST or _veil(pixels) > _BLACK_OF_WHITE:
        return None

    grainy = _sensor_noise(pixels) * full ** (_MOST / 2.2) >= _GRAIN_SEEN
    source = _denoised(pixels, _DENOISED) if grainy else pixels

    def apply(strength: float) -> tuple[Pixels, Parameters]:
        gain = full**strength
        denoised = {"denoised": _DENOISED} if grainy else {}
        return expose(source, gain), {"gain": round(gain, 4), "strength": strength, **denoised}

    return Plan("exposure_gain", Touches.TONE_AND_GRAIN if grainy else Touches.TONE, (0.5, _MOST), apply)


def _veil(pixels: Pixels) -> float:
    """Linear light of the darkest half per cent of luma as a share of the lightest half per cent's."""
    low, high = stretch_ends(pixels)
    dark, light = to_linear(np.array([low, high]).astype(np.uint8))
    return float(dark / max(light, 1e-4))


_BLACK, _WHITE, _SPAN = 40.0, (145.0, 245.0), 84.0
"""Luma (.5 and 99.5 per cent): a veil lifts black over the first, murk lowers white under the last of the second, and
what lies between spans less than the third; where white is lower still, light is missing too, and how much of each
nobody can tell. Of 692 photos as they come, one is within all of it."""
_COLOURLESS = 0.9
"""log2 of red to blue up to which a light may be coloured for a stretch: a veil has no colour."""


def plan_contrast(pixels: Pixels, photo: Photo) -> Plan | None:
    """Stretch of the .5 to 99.5 per cent range towards black and white, where both its ends are missing."""
    low, high = stretch_ends(pixels)
    if low < _BLACK or not _WHITE[0] <= high <= _WHITE[1] or not 4 <= high - low <= _SPAN:
        return None
    light = known_light(pixels)[0]
    if light is not None and abs(warmth(light)) > _COLOURLESS:
        return None

    def apply(strength: float) -> tuple[Pixels, Parameters]:
        to_low, to_high = low * (1 - strength), high + (255 - high) * strength
        ends = {"low": low, "high": high, "to_low": to_low, "to_high": to_high}
        rounded = {name: round(value, 2) for name, value in ends.items()}
        return stretch(pixels, low, high, to_low, to_high), {**rounded, "strength": strength}

    return Plan("contrast_stretch", Touches.TONE, (0.25, 0.35), apply)


_HAZE = 0.2
"""As `_BLACK_OF_WHITE`: under a veil the channels' ratios in linear light are not the lamp's."""


def plan_white_balance(pixels: Pixels, photo: Photo) -> Plan | None:
    """One gain a channel against the light that is to be expected, as much of it as is beyond doubt; a plain ground of
    the light's colour proves it.
    """
    known = coloured_light(pixels)
    if known is None or _veil(pixels) > _HAZE:
        return None
    found, proven = known
    light = found.light()

    def apply(strength: float) -> tuple[Pixels, Parameters]:
        gains = balance_gains(light, strength)
        named = dict(zip(("red", "green", "blue"), (round(gain, 4) for gain in gains), strict=True))
        return balance(pixels, gains), {"neutral": "ground" if proven else "colours", **named, "strength": strength}

    touches = Touches.COLOUR_PROVEN if proven else Touches.COLOUR
    most = allowed_doubt(found, proven)
    strengths = tuple(strength for strength in (0.75, 0.9, 1.0) if found.doubt(strength) <= most)
    return Plan("white_balance", touches, strengths, apply)


PLANS: tuple[tuple[str, Callable[[Pixels, Photo], Plan | None]], ...] = (
    ("compression", plan_deblock),
    ("noise", plan_denoise),
    ("dark", plan_exposure),
    ("cast", plan_white_balance),
    ("low_contrast", plan_contrast),
)
"""Reason code -> the operation made for it, in the order in which they run: detail first, before a gain raises it."""
