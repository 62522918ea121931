"""Which quality a JPEG was written with, as its quantization table tells."""

import numpy as np
import numpy.typing as npt
from PIL import Image

# ITU T.81, table K.1, in the order of the rows.
_LUMINANCE = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
).ravel()


def _scaled_sums() -> npt.NDArray[np.float64]:
    """Sum the table as scaled for each quality 1..100 by the rule of the Independent JPEG Group (jcparam.c)."""
    quality = np.arange(1, 101)
    percent = np.where(quality < 50, 5000 // quality, 200 - 2 * quality)[:, None]
    return np.clip((_LUMINANCE * percent + 50) // 100, 1, 255).sum(axis=1).astype(float)


_SUMS = _scaled_sums()


def estimate_quality(picture: Image.Image) -> int | None:
    """Return the quality 1..100 of the standard table that is as coarse as this file's; None where there is no table.

    Exact for what libjpeg wrote; for cameras with tables of their own it is the quality of like coarseness.
    """
    table = getattr(picture, "quantization", {}).get(0)
    if not table or len(table) != 64:
        return None
    return int(np.abs(_SUMS - float(sum(table))).argmin()) + 1
