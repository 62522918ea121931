import cv2
import numpy as np
import pytest

from transforms.imaging.fixes.sliding_dct import denoise_sliding_dct, noise_spectrum, sliding_dct


def scene() -> np.ndarray:
    coarse = np.random.default_rng(4).integers(40, 215, (12, 16, 3), np.uint8)
    return cv2.resize(coarse, (340, 266), interpolation=cv2.INTER_CUBIC)


def grain(sigma: float) -> np.ndarray:
    """Coarse, coloured grain of unit deviation."""
    white = np.random.default_rng(1).normal(0, 1, scene().shape)
    coarse = cv2.GaussianBlur(white, (0, 0), sigma) if sigma else white
    return coarse / coarse.std()


def noisy(level: float, sigma: float = 0.0) -> np.ndarray:
    return np.clip(scene() + level * grain(sigma), 0, 255).round().astype(np.uint8)


def error(pixels: np.ndarray) -> float:
    return float(np.square(pixels.astype(float) - scene()).mean())


@pytest.mark.parametrize("sigma", [0.0, 0.8])
def test_removes_white_and_coarse_noise(sigma: float):
    photo = noisy(12, sigma)
    assert error(denoise_sliding_dct(photo)) < (0.15 if sigma == 0 else 0.5) * error(photo)


def test_a_clean_photo_hardly_changes():
    assert np.abs(denoise_sliding_dct(scene()).astype(int) - scene()).mean() < 1.0


def test_the_spectrum_is_that_of_the_noise():
    flat = (128 + 7 * np.random.default_rng(2).normal(size=(400, 400))).astype(np.float32)
    spectrum, factors = noise_spectrum(flat, np.full((400, 400), 128, np.uint8))
    assert np.median(spectrum[1:]) == pytest.approx(7, rel=0.1)
    assert factors[128] == pytest.approx(1, abs=0.1)


def test_noise_that_is_stronger_in_the_shade_is_seen_to():
    light = np.tile(np.linspace(30, 220, 512), (512, 1))
    rough = light + np.random.default_rng(3).normal(size=light.shape) * np.where(light < 90, 9, 4)
    _, factors = noise_spectrum(rough.astype(np.float32), light.astype(np.uint8))
    assert factors[50] > 1.7 * factors[180]


def test_strong_edges_survive():
    board = ((np.indices((128, 128)) // 16).sum(axis=0) % 2 * 180 + 30).astype(np.float32)
    rough = board + np.random.default_rng(0).normal(0, 8, board.shape).astype(np.float32)
    mended = sliding_dct(rough, 2.6, 2, np.clip(rough, 0, 255).astype(np.uint8))
    assert np.square(mended - board).mean() < 0.3 * 64


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (31, 200), (33, 32)])
def test_small_photos_pass(shape: tuple[int, int]):
    photo = np.full((*shape, 3), 90, np.uint8)
    assert (denoise_sliding_dct(photo) == photo).all()
