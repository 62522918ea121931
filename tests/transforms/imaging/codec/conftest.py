"""Small ICC profiles made by hand (ICC.1:2022), for tests: no profile file needs to be carried along."""

import struct
from dataclasses import dataclass

import pytest


def _fixed(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def _xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ \0\0\0\0" + _fixed(x, y, z)


def _gamma(power: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(power * 256)) + b"\0\0"


def _profile(kind: bytes, space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    body, table = b"", struct.pack(">I", len(tags))
    start = 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + b"\0" * (-len(content) % 4)
    size = start + len(body)
    header = struct.pack(">I4sI4s4s4s12s4s", size, b"none", 0x02400000, kind, space, connection, bytes(12), b"acsp")
    header = header.ljust(64, b"\0") + bytes(4) + _fixed(0.9642, 1.0, 0.8249)
    return header.ljust(128, b"\0") + table + body


def wide_rgb() -> bytes:
    """Adobe RGB (1998): its primaries adapted to D50, gamma 563/256; more saturated than sRGB."""
    curve = _gamma(563 / 256)
    return _profile(
        b"mntr",
        b"RGB ",
        b"XYZ ",
        {
            b"wtpt": _xyz(0.9642, 1.0, 0.8249),
            b"rXYZ": _xyz(0.60974, 0.31111, 0.01947),
            b"gXYZ": _xyz(0.20528, 0.62567, 0.06087),
            b"bXYZ": _xyz(0.14919, 0.06322, 0.74457),
            b"rTRC": curve,
            b"gTRC": curve,
            b"bTRC": curve,
        },
    )


def linear_grey() -> bytes:
    """Grey whose stored values are proportional to light."""
    return _profile(b"mntr", b"GRAY", b"XYZ ", {b"wtpt": _xyz(0.9642, 1.0, 0.8249), b"kTRC": _gamma(1.0)})


def inks() -> bytes:
    """A press, in 8-bit Lab: no ink leaves white paper, black alone gives a mid grey, any other full ink black."""
    nodes = b"".join(bytes(({0: 255, 1: 128}.get(corner, 0), 128, 128)) for corner in range(16))
    identity = b"".join(bytes(range(256)) for _ in range(4))
    table = struct.pack(">4sIBBBB", b"mft1", 0, 4, 3, 2, 0) + _fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table += identity + nodes + identity[: 3 * 256]
    return _profile(b"prtr", b"CMYK", b"Lab ", {b"wtpt": _xyz(0.9642, 1.0, 0.8249), b"A2B0": table})


@dataclass(frozen=True)
class Profiles:
    wide_rgb: bytes
    linear_grey: bytes
    inks: bytes


@pytest.fixture(scope="session")
def profiles() -> Profiles:
    return Profiles(wide_rgb(), linear_grey(), inks())
