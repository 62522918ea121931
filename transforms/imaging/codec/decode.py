"""Bytes to upright 8-bit sRGB pixels."""

from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.codec.raster import decode_with_pillow
from transforms.imaging.types import Photo


def decode(data: bytes, limits: DecodeLimits) -> Photo:
    """Decode a photo, whatever its format.

    Raises:
        RefusalError: one of the codes on files and decoders in `transforms.reasons.REFUSALS`.
    """
    return decode_with_pillow(data, limits)
