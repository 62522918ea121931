import numpy as np
import pytest

from transforms.imaging.fixes.noise_level import noise_level


def noisy(level: float) -> np.ndarray:
    ramp = np.tile(np.linspace(60, 190, 256), (256, 1))
    return np.clip(ramp + np.random.default_rng(0).normal(0, level, ramp.shape), 0, 255).round().astype(np.uint8)


@pytest.mark.parametrize("level", [3.0, 8.0, 20.0])
def test_finds_the_level(level: float):
    assert noise_level(noisy(level)) == pytest.approx(level, rel=0.08)


def test_edges_are_no_noise():
    board = (np.indices((128, 128)) // 16).sum(axis=0) % 2 * 200
    assert noise_level(board.astype(np.uint8)) == 0.0


def test_too_small_to_tell():
    assert noise_level(np.zeros((1, 500), np.uint8)) == 0.0
