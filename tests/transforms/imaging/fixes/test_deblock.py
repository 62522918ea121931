import cv2
import numpy as np
import pytest

from transforms.imaging.fixes.deblock import deblock


def scene() -> np.ndarray:
    coarse = np.random.default_rng(4).integers(20, 235, (13, 17, 3), np.uint8)
    return cv2.resize(coarse, (331, 247), interpolation=cv2.INTER_CUBIC)


def compressed(quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", scene(), [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def error(pixels: np.ndarray) -> float:
    return float(np.square(pixels.astype(float) - scene()).mean())


@pytest.mark.parametrize("quality", [5, 15, 30])
def test_comes_closer_to_the_original(quality: int):
    blocky = compressed(quality)
    assert error(deblock(blocky, quality)) < 0.9 * error(blocky)


def test_changes_little_where_little_was_lost():
    good = compressed(95)
    assert np.abs(deblock(good, 95).astype(int) - good).mean() < 1.0


def test_strength_is_the_share_of_the_change():
    blocky = compressed(10)
    half, whole = (deblock(blocky, 10, strength).astype(int) - blocky for strength in (0.5, 1.0))
    assert np.abs(half - whole / 2).max() <= 1
    assert (deblock(blocky, 10, 0.0) == blocky).all()


@pytest.mark.parametrize("quality", [0, 101, -3])
def test_refuses_what_is_no_quality(quality: int):
    with pytest.raises(ValueError, match="1 to 100"):
        deblock(scene(), quality)


def test_thin_photos_pass():
    assert deblock(np.zeros((1, 30, 3), np.uint8), 20).shape == (1, 30, 3)
