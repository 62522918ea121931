import cv2
import numpy as np
import pytest

from transforms.errors import UserError
from transforms.imaging.fixes.blur_kernel import estimate_blur, gaussian_kernel, motion_kernel
from transforms.imaging.fixes.deconvolution import deconvolve, deconvolve_plane
from transforms.imaging.fixes.sparse_coding import ATOMS, deblur_sparse, learn, pursue
from transforms.imaging.fixes.unsharp import sharpen
from transforms.imaging.operations import OPERATIONS
from transforms.imaging.types import Header, Photo


def scene(side: int = 400) -> np.ndarray:
    """Discs and bars with hard edges in all directions."""
    rng = np.random.default_rng(6)
    big = np.full((4 * side, 4 * side, 3), 120, np.uint8)
    for _ in range(90):
        centre = tuple(int(value) for value in rng.integers(0, 4 * side, 2))
        cv2.circle(big, centre, int(rng.integers(40, 160)), (int(rng.integers(10, 245)),) * 3, -1)
    return cv2.resize(big, (side, side), interpolation=cv2.INTER_AREA)


def blurred(kernel: np.ndarray) -> np.ndarray:
    soft = cv2.filter2D(scene().astype(np.float32), -1, kernel[::-1, ::-1].copy(), borderType=cv2.BORDER_REFLECT)
    return np.clip(np.rint(soft + np.random.default_rng(0).normal(0, 0.7, soft.shape)), 0, 255).astype(np.uint8)


def error(pixels: np.ndarray) -> float:
    return float(np.square(pixels.astype(float) - scene()).mean())


@pytest.mark.parametrize("kernel", [gaussian_kernel(1.5), motion_kernel(9, 30)])
def test_the_right_kernel_halves_the_error(kernel):
    assert error(deconvolve(blurred(kernel), kernel)) < 0.6 * error(blurred(kernel))


def test_a_wrong_kernel_is_worse_than_the_blur():
    soft = blurred(gaussian_kernel(1.0))
    assert error(deconvolve(soft, gaussian_kernel(3.5))) > error(soft)


def test_tiles_leave_no_seam():
    kernel = gaussian_kernel(1.5)
    plane = np.tile(cv2.cvtColor(blurred(kernel), cv2.COLOR_RGB2GRAY), (3, 1)).astype(np.float32)
    whole = deconvolve_plane(plane, kernel, 10)
    assert np.abs(np.diff(whole, axis=0))[511].mean() < 2 * np.abs(np.diff(plane, axis=0)).max(axis=0).mean()
    assert whole.shape == plane.shape


@pytest.mark.parametrize("sigma", [1.6, 2.4])
def test_the_width_of_a_blur_is_found(sigma: float):
    blur = estimate_blur(blurred(gaussian_kernel(sigma)))
    assert blur is not None
    assert blur.length == 0
    assert blur.sigma == pytest.approx(sigma, rel=0.3)


def test_a_shaken_camera_is_told_from_defocus():
    blur = estimate_blur(blurred(motion_kernel(11, 0)))
    assert blur is not None
    assert blur.length == pytest.approx(11, rel=0.4)
    assert min(blur.angle, 180 - blur.angle) < 30


@pytest.mark.parametrize("pixels", [np.full((64, 64, 3), 90, np.uint8), np.zeros((1, 80, 3), np.uint8)])
def test_no_edges_no_estimate(pixels):
    assert estimate_blur(pixels) is None


@pytest.mark.parametrize(("length", "angle"), [(1, 0), (5, 45), (12, 133)])
def test_kernels_keep_light(length: float, angle: float):
    assert motion_kernel(length, angle).sum() == pytest.approx(1)
    assert gaussian_kernel(length / 3).sum() == pytest.approx(1)


def test_unsharp_steepens_an_edge_without_a_halo():
    soft = blurred(gaussian_kernel(1.2))
    sharp = sharpen(soft, 1.2)
    assert np.abs(np.diff(sharp[..., 1].astype(int))).max() >= np.abs(np.diff(soft[..., 1].astype(int))).max()
    assert sharp.max() <= soft.max() + 1
    assert error(sharp) < error(soft)


def test_pursuit_finds_the_atoms_that_a_patch_is_made_of():
    rng = np.random.default_rng(0)
    dictionary = rng.normal(size=(ATOMS, 64)).astype(np.float32)
    dictionary /= np.linalg.norm(dictionary, axis=1, keepdims=True)
    patches = 50 * dictionary[[3, 40]] - 30 * dictionary[[77, 90]]
    codes = pursue(patches, dictionary, 4, 0.05)
    assert set(np.flatnonzero(np.abs(codes[0]) > 5)) == {3, 77}
    assert set(np.flatnonzero(np.abs(codes[1]) > 5)) == {40, 90}


def test_learning_fits_patches_better_than_the_start():
    rng = np.random.default_rng(1)
    secret = rng.normal(size=(20, 64)).astype(np.float32)
    patches = (rng.normal(size=(800, 20)) * (rng.random((800, 20)) < 0.1) @ secret * 20).astype(np.float32)
    start, learned = learn(patches, rounds=0), learn(patches, rounds=6)
    assert np.allclose(np.linalg.norm(learned, axis=1), 1, atol=1e-3)
    misses = [float(np.square(patches - pursue(patches, one, 4, 0.0) @ one).mean()) for one in (start, learned)]
    assert misses[1] < 0.7 * misses[0]


def test_sparse_coding_undoes_some_blur_and_refuses_large_photos():
    kernel = gaussian_kernel(1.5)
    part = blurred(kernel)[:96, :96]
    truth = scene()[:96, :96].astype(float)
    assert np.square(deblur_sparse(part, kernel, rounds=3) - truth).mean() < 0.9 * np.square(part - truth).mean()
    with pytest.raises(UserError, match="MP"):
        deblur_sparse(np.zeros((2000, 1500, 3), np.uint8), kernel)


def test_out_of_focus_is_mended_by_its_estimate_and_a_movement_is_left():
    mend = OPERATIONS["deblur"][0]
    soft, moved = blurred(gaussian_kernel(1.6)), blurred(motion_kernel(11, 30))
    header = Header("png", soft.shape[1], soft.shape[0], "RGB")
    assert error(mend(Photo(soft, header), 1.0)) < 0.7 * error(soft)
    assert (mend(Photo(moved, header), 1.0) == moved).all()
