import cv2
import numpy as np
import pytest

from transforms.imaging.fixes.sliding_dct import denoise_sliding_dct, noise_levels, noise_spectrum, sliding_dct


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


def woven() -> np.ndarray:
    """A cloth of crossing threads, no two alike, with knots of light; height x width, grey values about 120."""
    rows, columns = np.mgrid[:256, :256]
    threads = np.sin(rows * 2.1 + columns * 0.1) + np.sin(columns * 1.9 - rows * 0.05)
    uneven = cv2.GaussianBlur(np.random.default_rng(5).normal(0, 1, (256, 256)), (0, 0), 0.7)
    return 120 + 9 * threads + 14 * uneven


def fine_energy(pixels: np.ndarray) -> float:
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float(np.square(luma - cv2.GaussianBlur(luma, (0, 0), 1.5)).mean())


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_cloth_keeps_nine_tenths_of_its_fine_energy_where_there_is_little_noise(level: float):
    photo = np.full((400, 400), 200.0)
    photo[72:328, 72:328] = woven()
    noise = np.random.default_rng(6).normal(0, 1, (400, 400, 3)) * level
    pixels = np.clip(photo[..., None] * [1.0, 0.9, 0.8] + noise, 0, 255).round().astype(np.uint8)
    cloth = np.s_[80:320, 80:320]
    assert fine_energy(denoise_sliding_dct(pixels)[cloth]) > 0.9 * fine_energy(pixels[cloth])


def test_the_colour_of_a_weave_under_a_lamp_is_no_noise_and_that_of_grain_is():
    cloth = np.clip(woven()[..., None] * [1.0, 0.7, 0.4], 0, 255).round().astype(np.uint8)
    luma, *chroma = noise_levels(cloth)
    assert luma > 5 and max(chroma) < 0.1 * luma
    luma, *chroma = noise_levels(noisy(12, 0.8))
    assert max(chroma) > 0.2 * luma


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (31, 200), (33, 32)])
def test_small_photos_pass(shape: tuple[int, int]):
    photo = np.full((*shape, 3), 90, np.uint8)
    assert (denoise_sliding_dct(photo) == photo).all()
