"""Between sRGB bytes and linear light, by table: exposure and white balance are products only in linear light.

Source: IEC 61966-2-1 (sRGB transfer function).
"""

import numpy as np
import numpy.typing as npt

from transforms.imaging.types import Pixels


def _to_linear_table() -> npt.NDArray[np.float32]:
    value = np.arange(256) / 255.0
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


TO_LINEAR = _to_linear_table()
"""sRGB byte -> linear light 0..1, float32."""


def to_linear(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Linear light 0..1, float32, of sRGB bytes of any shape."""
    return TO_LINEAR[pixels]


_STEPS = 1 << 15
_LARGE = 1 << 18


def to_bytes(linear: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """sRGB bytes of linear light of any shape; below 0, above 1 and NaN are clipped (NaN to 0).

    Large arrays go through a table of 32,768 steps, a tenth of a grey value in the darkest tones and less above.
    """
    if linear.size > _LARGE:
        steps = np.nan_to_num(linear, nan=0.0, posinf=1.0, neginf=0.0) * np.float32(_STEPS - 1)
        return _TABLE[np.clip(np.rint(steps, out=steps), 0, _STEPS - 1, out=steps).astype(np.uint16)]
    return _encode(np.nan_to_num(linear, nan=0.0, posinf=1.0, neginf=0.0))


def _encode(linear: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    light = np.clip(linear, 0.0, 1.0)
    value = np.where(light <= 0.0031308, light * 12.92, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    return np.rint(value * 255.0).astype(np.uint8)


_TABLE = _encode(np.arange(_STEPS) / (_STEPS - 1))


def luminance(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Relative luminance 0..1 (Rec. 709 weights in linear light), height x width, float32."""
    red, green, blue = (TO_LINEAR[pixels[..., channel]] for channel in range(3))
    return np.asarray(0.2126 * red + 0.7152 * green + 0.0722 * blue, np.float32)
