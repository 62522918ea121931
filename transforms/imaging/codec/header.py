"""What a file says of itself, in a small part of the time that decoding takes."""

from transforms.imaging.codec.container import COMMON, check_bytes, open_header, sniff
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.types import Header


def read_header(data: bytes, limits: DecodeLimits) -> Header:
    """Read the header, hold it against the limits, decode nothing.

    Raises:
        RefusalError: empty_file, not_an_image, unsupported_format, too_many_bytes, too_many_pixels, too_many_frames,
            truncated, corrupt; for rare formats also the codes of `isolation`.
    """
    check_bytes(data, limits)
    if sniff(data) in COMMON:
        return open_header(data, limits)[1]
    return open_header(data, limits)[1]
