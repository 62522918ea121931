"""Inpainting of marked damage: the biharmonic surface through its rim, or Telea's march inwards.

Sources: Damelin and Hoang, "On surface completion and image inpainting by biharmonic functions", Journal of
Mathematics 2018; Telea, "An image inpainting technique based on the fast marching method", Journal of Graphics Tools
2004.
"""

import cv2
import numpy as np
import numpy.typing as npt
from skimage.restoration import inpaint_biharmonic

from transforms.errors import UserError
from transforms.imaging.types import Pixels

Mask = npt.NDArray[np.bool_]

MOST_BIHARMONIC = 60_000
"""Marked pixels; the biharmonic equations are solved exactly and take seconds and gigabytes beyond."""


def check_mask(pixels: Pixels, mask: Mask) -> None:
    """See that a mask can be used with a photo.

    Raises:
        UserError: it is of another size, marks nothing, or marks everything.
    """
    if mask.shape != pixels.shape[:2]:
        height, width = pixels.shape[:2]
        raise UserError(f"the mask is {mask.shape[1]}x{mask.shape[0]} pixels and the photo {width}x{height}")
    if not mask.any():
        raise UserError("the mask marks nothing: paint what is damaged white, all else black")
    if mask.all():
        raise UserError("the mask marks the whole photo: nothing is left to restore it from")


def inpaint_smooth(pixels: Pixels, mask: Mask) -> Pixels:
    """Fill `mask` (height x width, bool) with the biharmonic surface through its rim; all else stays to the bit.

    Raises:
        UserError: the mask does not fit, or marks more than `MOST_BIHARMONIC` pixels.
    """
    check_mask(pixels, mask)
    if mask.sum() > MOST_BIHARMONIC:
        raise UserError(f"{mask.sum()} pixels are marked; biharmonic takes {MOST_BIHARMONIC}: use --method telea")
    # Only the surroundings matter; the system's size is that of the picture handed over.
    rows, columns = np.nonzero(mask)
    around = 16
    top, bottom = max(rows.min() - around, 0), rows.max() + 1 + around
    left, right = max(columns.min() - around, 0), columns.max() + 1 + around
    part, marked = pixels[top:bottom, left:right], mask[top:bottom, left:right]
    filled = inpaint_biharmonic(part.astype(np.float64) / 255, marked, split_into_regions=True, channel_axis=-1)
    mended = pixels.copy()
    whole = np.clip(np.rint(np.nan_to_num(filled) * 255), 0, 255).astype(np.uint8)
    mended[top:bottom, left:right][marked] = whole[marked]
    return mended


def inpaint_telea(pixels: Pixels, mask: Mask, radius: float = 5.0) -> Pixels:
    """Fill `mask` (height x width, bool) from its rim inwards by weighted neighbours within `radius` pixels.

    Raises:
        UserError: the mask does not fit.
    """
    check_mask(pixels, mask)
    filled = cv2.inpaint(pixels, mask.astype(np.uint8), radius, cv2.INPAINT_TELEA)
    return np.where(mask[..., None], filled, pixels)
