"""Every operation by name, without a guard: for benches, and for people who know what they want."""

from collections.abc import Callable

from transforms.imaging.fixes import baselines
from transforms.imaging.fixes.bilateral import denoise_bilateral
from transforms.imaging.fixes.blur_kernel import Blur, estimate_blur
from transforms.imaging.fixes.contrast import stretch, stretch_ends
from transforms.imaging.fixes.deblock import deblock
from transforms.imaging.fixes.deconvolution import deconvolve
from transforms.imaging.fixes.denoise import denoise
from transforms.imaging.fixes.exposure import expose, exposure_gain
from transforms.imaging.fixes.flat_field import level_light
from transforms.imaging.fixes.ground import straighten_and_crop, whiten_ground
from transforms.imaging.fixes.highlights import roll_off
from transforms.imaging.fixes.median import remove_impulses
from transforms.imaging.fixes.nonlocal_means import denoise_nonlocal_means
from transforms.imaging.fixes.sliding_dct import denoise_sliding_dct
from transforms.imaging.fixes.sparse_coding import deblur_sparse
from transforms.imaging.fixes.total_variation import denoise_total_variation
from transforms.imaging.fixes.unsharp import sharpen
from transforms.imaging.fixes.white_balance import balance, balance_gains, known_light
from transforms.imaging.types import Photo, Pixels

Operation = Callable[[Photo, float], Pixels]
"""A photo and a strength (1 is what the photo asks for by itself) to mended pixels, of the same size but for
`straighten`.
"""


def _exposure(photo: Photo, strength: float) -> Pixels:
    return expose(photo.pixels, exposure_gain(photo.pixels) ** strength)


def _contrast(photo: Photo, strength: float) -> Pixels:
    low, high = stretch_ends(photo.pixels)
    if high - low < 2:
        return photo.pixels.copy()
    return stretch(photo.pixels, low, high, low * (1 - strength), high + (255 - high) * strength)


def _white_balance(photo: Photo, strength: float) -> Pixels:
    light, _ = known_light(photo.pixels)
    return photo.pixels.copy() if light is None else balance(photo.pixels, balance_gains(light, strength))


def _deblock(photo: Photo, strength: float) -> Pixels:
    quality = photo.jpeg_quality
    return photo.pixels.copy() if quality is None else deblock(photo.pixels, quality, min(0.6 * strength, 1.0))


SURE = 0.4
"""Confidence of an estimated blur below which nothing is done: a wrong kernel is worse than the blur.

Of a motion no confidence is enough: on photos blurred along a known line 18 of 26 estimates lost, the surest among
them, as a line's angle and length are read too coarsely.
"""


def _sure_blur(photo: Photo) -> Blur | None:
    blur = estimate_blur(photo.pixels)
    return blur if blur is not None and blur.length == 0 and blur.confidence >= SURE else None


def _deblur(photo: Photo, strength: float) -> Pixels:
    blur = _sure_blur(photo)
    return photo.pixels.copy() if blur is None else deconvolve(photo.pixels, blur.kernel(), strength)


def _sparse(photo: Photo, strength: float) -> Pixels:
    blur = _sure_blur(photo)
    return photo.pixels.copy() if blur is None else deblur_sparse(photo.pixels, blur.kernel(), strength)


def _sharpen(photo: Photo, strength: float) -> Pixels:
    blur = estimate_blur(photo.pixels)
    return sharpen(photo.pixels, blur.sigma if blur and blur.sigma > 0 else 1.0, 0.6 * strength)


OPERATIONS: dict[str, tuple[Operation, str]] = {
    "denoise": (lambda photo, strength: denoise(photo.pixels, strength), "by the kind of noise found"),
    "sliding-dct": (lambda photo, strength: denoise_sliding_dct(photo.pixels, strength), "by the noise's spectrum"),
    "tv": (lambda photo, strength: denoise_total_variation(photo.pixels, 1.2 * strength), "total variation"),
    "nlm": (lambda photo, strength: denoise_nonlocal_means(photo.pixels, 0.8 * strength), "non-local means"),
    "bilateral": (lambda photo, strength: denoise_bilateral(photo.pixels, 3.0 * strength), "bilateral filter"),
    "median": (lambda photo, strength: remove_impulses(photo.pixels), "median of impulses"),
    "deblock": (_deblock, "what JPEG added, by the file's own quality"),
    "exposure": (_exposure, "gain in linear light"),
    "contrast": (_contrast, "stretch of the range of tones"),
    "white-balance": (_white_balance, "from a neutral ground, or what surfaces and edges agree on"),
    "light": (lambda photo, strength: level_light(photo.pixels, 0.8 * strength), "uneven light, by a flat field"),
    "highlights": (lambda photo, strength: roll_off(photo.pixels, 0.5 * strength), "roll-off of bright tones"),
    "sharpen": (_sharpen, "unsharp mask"),
    "deblur": (_deblur, "TV deconvolution with the estimated kernel"),
    "sparse": (_sparse, "deblurring by sparse coding; slow"),
    "ground": (lambda photo, strength: whiten_ground(photo.pixels), "whiten a nearly white ground"),
    "straighten": (lambda photo, strength: straighten_and_crop(photo.pixels), "level and crop; the size changes"),
    "alpha-beta": (lambda photo, strength: baselines.alpha_beta(photo.pixels), "baseline: 1.3 * value + 20"),
    "equalize": (lambda photo, strength: baselines.equalize(photo.pixels), "baseline: histogram equalization"),
    "clahe": (lambda photo, strength: baselines.clahe(photo.pixels), "baseline: CLAHE"),
}
"""Name on the command line -> the operation and its line of help."""
