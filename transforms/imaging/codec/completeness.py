"""What the structure of a container tells without decoding: does the file end too early, is it of absurdly many parts?

A decoder's own words do not tell where a file was cut: it is "broken data stream" in one format, "unrecognized" in another.
"""

import itertools
import re
from collections.abc import Callable, Iterator


def ends_early(name: str, data: bytes) -> bool:
    """Tell whether a file of the format `name` was cut off; False where its structure does not say."""
    check = _CHECKS.get(name)
    return check(data) if check else False


MAX_PARTS = 5_000
"""Photos have some twenty segments or chunks before the pixels, a large colour profile or depth map a few hundred."""

MAX_JUNK_BYTES = 200_000

_FILL = re.compile(rb"\xff+")


def is_of_many_parts(name: str, data: bytes) -> bool:
    """Tell whether reading the headers would take long: Pillow handles parts and stray bytes one by one."""
    if name == "png":
        return next(itertools.islice(png_chunks(data), MAX_PARTS, None), None) is not None
    if name == "webp":
        return _riff_has_many_chunks(data)
    return name == "jpeg" and _jpeg_has_many_segments(data)


def _riff_has_many_chunks(data: bytes) -> bool:
    at, parts = 12, 0
    while at + 8 <= len(data) and parts <= MAX_PARTS:
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + (length & 1)
        parts += 1
    return parts > MAX_PARTS


def _jpeg_has_many_segments(data: bytes) -> bool:
    at, parts, junk = 2, 0, 0
    while parts <= MAX_PARTS and junk <= MAX_JUNK_BYTES:
        found = _FILL.search(data, at)
        if found is None or found.end() + 3 > len(data):
            return False
        junk += found.end() - at - 1
        marker = data[found.end()]
        if marker == 0xDA:
            return False
        parts += 1
        at = found.end() + 1
        if marker not in (0, 1) and not 0xD0 <= marker <= 0xD9:
            at += int.from_bytes(data[at : at + 2], "big")
    return True


def png_chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Yield the name and body of each whole chunk (PNG 3rd edition, 5.3)."""
    view = memoryview(data)
    at = 8
    while at + 12 <= len(data):
        length = int.from_bytes(view[at : at + 4], "big")
        if at + 12 + length > len(data):
            return
        yield bytes(view[at + 4 : at + 8]), view[at + 8 : at + 8 + length]
        at += 12 + length


def _png(data: bytes) -> bool:
    return all(kind != b"IEND" for kind, _ in png_chunks(data))


def _jpeg(data: bytes) -> bool:
    """Walk the segments to the first scan, then look for the end marker behind it (ITU T.81, annex B)."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            at += 1
            continue
        marker = data[at + 1]
        if marker == 0xFF or marker == 0:
            at += 1
        elif marker == 0xD9:
            return False
        elif 0xD0 <= marker <= 0xD8 or marker == 1:
            at += 2
        elif marker == 0xDA:
            return data.find(b"\xff\xd9", at) < 0
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return True


def _riff(data: bytes) -> bool:
    return len(data) < 12 or int.from_bytes(data[4:8], "little") + 8 > len(data)


def _gif(data: bytes) -> bool:
    """Walk to the end of the first picture's data (GIF89a, sections 18 to 27)."""
    if len(data) < 13:
        return True
    at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 0x80 else 0)
    while at < len(data):
        block = data[at]
        if block == 0x3B:
            return False
        if block == 0x2C:
            if at + 10 > len(data):
                return True
            flags = data[at + 9]
            return _sub_blocks_end(data, at + 11 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)) < 0
        if block == 0x21:
            at = _sub_blocks_end(data, at + 2)
            if at < 0:
                return True
        else:
            at += 1
    return True


def _sub_blocks_end(data: bytes, at: int) -> int:
    """Return the position behind a chain of sub-blocks, -1 where the file ends within it."""
    while at < len(data):
        size = data[at]
        at += 1 + size
        if size == 0:
            return at
    return -1


def _bmp(data: bytes) -> bool:
    """Hold the length against what an uncompressed picture needs; a compressed one says its own size."""
    if len(data) < 54:
        return True
    offset = int.from_bytes(data[10:14], "little")
    width, height = (abs(int.from_bytes(data[at : at + 4], "little", signed=True)) for at in (18, 22))
    bits, compression = int.from_bytes(data[28:30], "little"), int.from_bytes(data[30:34], "little")
    if compression in (0, 3, 6):
        return offset + (width * bits + 31) // 32 * 4 * height > len(data)
    return offset + int.from_bytes(data[34:38], "little") > len(data)


def _boxes(data: bytes) -> bool:
    """Walk the top-level boxes (ISO/IEC 14496-12, 4.2)."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        if size == 0:
            return False
        if size < 8:
            return False
        at += size
    return at != len(data)


def _tiff(data: bytes) -> bool:
    """Look whether the directory, its values and the strips or tiles lie within the file (TIFF 6.0, section 2)."""
    order = "little" if data[:2] == b"II" else "big"

    def number(at: int, size: int) -> int:
        return int.from_bytes(data[at : at + size], order)  # type: ignore[arg-type]

    if len(data) < 8:
        return True
    if number(2, 2) != 42:
        return False
    directory = number(4, 4)
    if directory + 2 > len(data):
        return True
    entries = number(directory, 2)
    if directory + 2 + 12 * entries > len(data):
        return True
    lists: dict[int, list[int]] = {}
    for at in range(directory + 2, directory + 2 + 12 * entries, 12):
        tag, kind, count = number(at, 2), number(at + 2, 2), number(at + 4, 4)
        size = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}.get(kind, 0)
        values = at + 8 if size * count <= 4 else number(at + 8, 4)
        if values + size * count > len(data):
            return True
        if tag in (273, 279, 324, 325) and kind in (3, 4):
            lists[tag] = [number(values + i * size, size) for i in range(count)]
    offsets = lists.get(273) or lists.get(324) or []
    counts = lists.get(279) or lists.get(325) or [1] * len(offsets)
    return any(offset + count > len(data) for offset, count in zip(offsets, counts, strict=False))


def _jpeg2000(data: bytes) -> bool:
    return _boxes(data) if data[:2] == b"\0\0" else data[-2:] != b"\xff\xd9"


_CHECKS: dict[str, Callable[[bytes], bool]] = {
    "png": _png,
    "jpeg": _jpeg,
    "webp": _riff,
    "gif": _gif,
    "bmp": _bmp,
    "tiff": _tiff,
    "heif": _boxes,
    "avif": _boxes,
    "jpeg2000": _jpeg2000,
}
