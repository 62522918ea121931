import numpy as np
import pytest
from skimage.restoration import denoise_tv_chambolle

from transforms.imaging.fixes.total_variation import denoise_total_variation, total_variation


def scene(height: int = 300, width: int = 280) -> np.ndarray:
    rows, columns = np.mgrid[:height, :width]
    return (60 + 0.3 * columns + 60 * ((rows // 40 + columns // 40) % 2)).astype(np.float32)


def test_agrees_with_an_independent_implementation_across_tile_borders():
    noisy = scene() + np.random.default_rng(0).normal(0, 10, (300, 280)).astype(np.float32)
    other = denoise_tv_chambolle(noisy / 255, weight=12 / 255, max_num_iter=20, eps=0) * 255
    ours = total_variation(noisy, 12.0, 20)
    assert np.abs(ours - other).mean() < 0.15
    assert np.abs(ours - other)[250:262].max() < 2.5


def test_halves_the_error_of_a_noisy_photo():
    clean = np.repeat(scene()[..., None], 3, axis=2)
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 12, clean.shape), 0, 255).astype(np.uint8)
    mended = denoise_total_variation(noisy)
    assert np.square(mended - clean).mean() < 0.25 * np.square(noisy - clean).mean()


def test_a_clean_photo_hardly_changes():
    clean = np.repeat(scene()[..., None], 3, axis=2).astype(np.uint8)
    assert np.abs(denoise_total_variation(clean).astype(int) - clean).mean() < 0.6


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (2, 2)])
def test_thin_photos_pass(shape: tuple[int, int]):
    photo = np.full((*shape, 3), 99, np.uint8)
    assert denoise_total_variation(photo).shape == photo.shape


def test_no_weight_no_change():
    plane = scene()
    assert (total_variation(plane, 0.0) == plane).all()
