"""Two names of a photo: one of its bytes, one of what it looks like."""

import hashlib

import cv2
import numpy as np

from transforms.imaging.types import Pixels

_SIDE, _KEPT = 32, 8


def sha256(data: bytes) -> str:
    """Return the SHA-256 of the bytes, 64 hex digits."""
    return hashlib.sha256(data).hexdigest()


def phash(pixels: Pixels) -> str:
    """Return a 64-bit perceptual hash, 16 hex digits: near copies differ in few bits, other photos in about 32.

    The 8 x 8 lowest frequencies of the luma at 32 x 32, each held against their median (Zauner 2010, "Implementation
    and benchmarking of perceptual image hash functions", 3.2.1). Of a photo of one colour all bits are 0.

    Args:
        pixels: height x width x 3, uint8, sRGB, upright.
    """
    small = cv2.resize(pixels, (_SIDE, _SIDE), interpolation=cv2.INTER_AREA)
    luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    frequencies = cv2.dct(luma)[:_KEPT, :_KEPT].ravel()
    # The mean of all brightness says nothing of the shape, and flat photos have only rounding in the others.
    frequencies[0] = 0
    frequencies[np.abs(frequencies) < 1e-3] = 0
    bits = np.packbits(frequencies > np.median(frequencies))
    return bits.tobytes().hex()
