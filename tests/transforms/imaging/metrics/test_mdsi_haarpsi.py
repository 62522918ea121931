import cv2
import numpy as np
import pytest

from transforms.imaging.metrics.haarpsi import haarpsi
from transforms.imaging.metrics.mdsi import mdsi


def scene() -> np.ndarray:
    coarse = np.random.default_rng(4).integers(20, 235, (18, 24, 3), np.uint8)
    return cv2.resize(coarse, (480, 360), interpolation=cv2.INTER_CUBIC)


def noisy(level: float) -> np.ndarray:
    grain = np.random.default_rng(1).normal(0, level, scene().shape)
    return np.clip(scene() + grain, 0, 255).astype(np.uint8)


def jpeg(quality: int) -> np.ndarray:
    return cv2.imdecode(cv2.imencode(".jpg", scene(), [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)


def tinted(strength: float) -> np.ndarray:
    return np.clip(scene() * np.array([1 + strength, 1, 1 - strength]), 0, 255).astype(np.uint8)


def blurred(sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(scene(), (0, 0), sigma)


def test_the_same_photo():
    assert mdsi(scene(), scene()) == pytest.approx(0, abs=1e-3)
    assert haarpsi(scene(), scene()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("defect", "strengths"),
    [(noisy, (5, 15, 40)), (jpeg, (60, 20, 5)), (tinted, (0.1, 0.25, 0.5)), (blurred, (1, 3, 8))],
)
def test_a_stronger_defect_is_further_away(defect, strengths):
    spoilt = [defect(strength) for strength in strengths]
    assert sorted(mdsi(one, scene()) for one in spoilt) == [mdsi(one, scene()) for one in spoilt]
    assert sorted((haarpsi(one, scene()) for one in spoilt), reverse=True) == [haarpsi(one, scene()) for one in spoilt]


def test_one_colour_is_no_division_by_zero():
    grey, white = np.full((40, 40, 3), 90, np.uint8), np.full((40, 40, 3), 255, np.uint8)
    assert np.isfinite([mdsi(grey, white), haarpsi(grey, white), mdsi(grey, grey), haarpsi(grey, grey)]).all()
