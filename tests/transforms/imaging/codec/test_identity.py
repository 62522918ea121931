"""The two names of a photo."""

import io

import cv2
import numpy as np
from PIL import Image

from transforms.imaging.codec.identity import phash, sha256


def scene(seed: int, width: int = 300, height: int = 200) -> np.ndarray:
    """Soft blobs of colour: a photo's kind of spectrum."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


def distance(one: np.ndarray, other: np.ndarray) -> int:
    return (int(phash(one), 16) ^ int(phash(other), 16)).bit_count()


def test_sha256_is_the_standards() -> None:
    # FIPS 180-2, appendix B.1.
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_near_copies_have_near_hashes_and_other_photos_do_not() -> None:
    for seed in range(20):
        photo = scene(seed)
        out = io.BytesIO()
        Image.fromarray(photo).save(out, "JPEG", quality=40)
        assert distance(photo, np.asarray(Image.open(out))) <= 6
        assert distance(photo, cv2.resize(photo, (150, 100), interpolation=cv2.INTER_AREA)) <= 6
        assert distance(photo, np.clip(photo * 0.8 + 10, 0, 255).astype(np.uint8)) <= 6
        assert distance(photo, scene(seed + 100)) > 12


def test_a_hash_is_sixteen_hex_digits_of_any_size_of_photo() -> None:
    for shape in ((1, 1, 3), (1, 500, 3), (31, 33, 3), (700, 3, 3)):
        digits = phash(np.random.default_rng(0).integers(0, 256, shape, np.uint8))
        assert len(digits) == 16
        assert 0 <= int(digits, 16) < 1 << 64


def test_photos_of_one_colour_share_one_hash() -> None:
    assert {phash(np.full((50, 70, 3), level, np.uint8)) for level in (0, 3, 127, 128, 255)} == {"0" * 16}
