"""What a file says of itself, in a small part of the time that decoding takes."""

from transforms.imaging.codec.container import check_bytes, is_simple, open_header
from transforms.imaging.codec.isolation import read_header_isolated
from transforms.imaging.codec.limits import DecodeLimits
from transforms.imaging.types import Header


def read_header(data: bytes, limits: DecodeLimits, *, isolated: bool = False) -> Header:
    """Read the header, hold it against the limits, decode nothing.

    Args:
        data: the whole file.
        limits: what the file may ask for.
        isolated: read it in another process even where the format is a common one.

    Raises:
        RefusalError: empty_file, not_an_image, unsupported_format, too_many_bytes, too_many_pixels, too_many_frames,
            truncated, corrupt; in isolation also decode_timeout, decode_memory, decoder_crashed.
    """
    check_bytes(data, limits)
    if not isolated and is_simple(data):
        return open_header(data, limits)[1]
    return read_header_isolated(data, limits)
