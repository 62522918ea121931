import numpy as np
import pytest

from transforms.errors import UserError

pytest.importorskip("tensorflow")

from transforms.imaging.fixes.deep_prior import denoise_deep_prior, inpaint_deep_prior


def scene() -> np.ndarray:
    rows, columns = np.mgrid[:32, :32]
    return np.stack([rows * 6 + 20, columns * 6 + 20, np.full_like(rows, 120)], axis=-1).astype(np.uint8)


def test_a_hole_is_filled_from_the_rest_and_nothing_else_changes():
    mask = np.zeros((32, 32), bool)
    mask[14:18, 8:24] = True
    damaged = scene()
    damaged[mask] = 0
    mended = inpaint_deep_prior(damaged, mask, steps=80)
    assert (mended[~mask] == damaged[~mask]).all()
    assert np.abs(mended[mask].astype(int) - scene()[mask]).mean() < 40


def test_refuses_a_mask_of_another_size_and_too_large_a_photo():
    with pytest.raises(UserError):
        inpaint_deep_prior(scene(), np.ones((3, 3), bool))
    with pytest.raises(ValueError, match="512"):
        denoise_deep_prior(np.zeros((600, 20, 3), np.uint8))
