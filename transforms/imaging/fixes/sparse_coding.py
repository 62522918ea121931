"""Sparse coding: patches of the sharp photo are sums of a few learned atoms. For deblurring offline; slow.

The dictionary is learned on the photo's own patches where nothing else is given. Each iteration takes a step towards a
photo whose blur is the one given, then rebuilds every patch from its few best atoms.

Sources: Aharon, Elad and Bruckstein, "K-SVD: an algorithm for designing overcomplete dictionaries for sparse
representation", IEEE TSP 2006; Rubinstein, Zibulevsky and Elad, "Efficient implementation of the K-SVD algorithm using
batch orthogonal matching pursuit", 2008; Elad and Aharon, "Image denoising via sparse and redundant representations
over learned dictionaries", IEEE TIP 2006.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from transforms.errors import UserError
from transforms.imaging.fixes.noise_level import diagonal_level
from transforms.imaging.types import Pixels

Array = npt.NDArray[Any]
"""float32 unless said otherwise; OpenCV's own types do not say."""

SIDE = 8
ATOMS = 128
MOST_PIXELS = 2_000_000
"""An offline method: beyond this it would take the better part of an hour."""


def deblur_sparse(pixels: Pixels, kernel: Array, strength: float = 1.0, rounds: int = 6) -> Pixels:
    """Undo a blur in luma by sparse coding.

    Args:
        pixels: height x width x 3, uint8, sRGB.
        kernel: the blur, odd sides, sum 1.
        strength: 0..1, the share of the change that is made.
        rounds: of a data step and a sparse rebuild.

    Raises:
        UserError: the photo has more than `MOST_PIXELS` pixels.
    """
    height, width = pixels.shape[:2]
    if height * width > MOST_PIXELS:
        raise UserError(
            f"sparse coding takes photos of up to {MOST_PIXELS / 1e6:g} MP, this one has {height * width / 1e6:.1f}"
        )
    if min(height, width) < 2 * max(*kernel.shape, SIDE) or strength <= 0:
        return pixels.copy()
    planes = cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb)
    luma = planes[..., 0].astype(np.float32)
    noise = max(diagonal_level(luma), 0.5)
    # The sharpest patches of the photo at half size: blur shrinks with the photo.
    half = cv2.resize(luma, (max(width // 2, 2 * SIDE), max(height // 2, 2 * SIDE)), interpolation=cv2.INTER_AREA)
    dictionary = learn(_patches(np.asarray(half, np.float32), 2)[0], rounds=8)
    flipped = kernel[::-1, ::-1].copy()
    sharp = luma
    for _ in range(rounds):
        for _ in range(6):
            # filter2D correlates: the kernel's mirror image convolves.
            error = luma - cv2.filter2D(sharp, -1, flipped, borderType=cv2.BORDER_REFLECT)
            sharp = sharp + cv2.filter2D(error, -1, kernel, borderType=cv2.BORDER_REFLECT)
        sharp = rebuild(sharp, dictionary, 1.15 * noise)
    planes[..., 0] = cv2.convertScaleAbs(np.maximum(luma + np.float32(strength) * (sharp - luma), 0))
    return np.asarray(cv2.cvtColor(planes, cv2.COLOR_YCrCb2RGB), np.uint8)


def learn(patches: Array, rounds: int = 10, sparsity: int = 5, most: int = 6000) -> Array:
    """K-SVD: a dictionary for `patches`.

    Args:
        patches: number x 64, float32, each with its mean taken away.
        rounds: of coding and of updating each atom.
        sparsity: atoms a patch.
        most: patches used, those of the highest contrast.

    Returns:
        `ATOMS` x 64, float32, rows of length 1; it begins as an overcomplete DCT.
    """
    dictionary = _overcomplete_dct()
    chosen = patches[np.argsort(-patches.var(axis=1))[:most]]
    if len(chosen) < ATOMS or chosen.std() < 0.5:
        return dictionary
    for _ in range(rounds):
        codes = pursue(chosen, dictionary, sparsity, 0.0)
        for atom in range(ATOMS):
            users = np.flatnonzero(codes[:, atom])
            if users.size < 2:
                continue
            codes[users, atom] = 0
            rest = chosen[users] - codes[users] @ dictionary
            # One power step gives the rank-one fit closely enough (the approximate K-SVD of the second source).
            renewed = rest.T @ (rest @ dictionary[atom])
            length = float(np.linalg.norm(renewed))
            if length > 1e-6:
                dictionary[atom] = renewed / length
            codes[users, atom] = rest @ dictionary[atom]
    return dictionary


def pursue(patches: Array, dictionary: Array, most: int, error: float) -> Array:
    """Orthogonal matching pursuit for all patches at once: number x `ATOMS` coefficients, at most `most` of each not
    0.

    Args:
        patches: number x 64, float32.
        dictionary: atoms x 64, rows of length 1.
        most: atoms a patch.
        error: root mean square error per sample below which a patch takes no further atom.
    """
    count = len(patches)
    gram = dictionary @ dictionary.T
    start = patches @ dictionary.T
    energy = np.einsum("ij,ij->i", patches, patches)
    codes = np.zeros((count, len(dictionary)), np.float32)
    picked = np.zeros((count, most), np.intp)
    correlation, open_ = start.copy(), np.flatnonzero(energy > patches.shape[1] * error**2)
    for turn in range(most):
        if open_.size == 0:
            break
        picked[open_, turn] = np.abs(correlation[open_]).argmax(axis=1)
        support = picked[open_, : turn + 1]
        sub = gram[support[:, :, None], support[:, None, :]] + 1e-4 * np.eye(turn + 1, dtype=np.float32)
        right = np.take_along_axis(start[open_], support, axis=1)
        solved = np.linalg.solve(sub, right[..., None])[..., 0]
        current = np.zeros((open_.size, len(dictionary)), np.float32)
        np.put_along_axis(current, support, solved, axis=1)
        codes[open_] = current
        correlation[open_] = start[open_] - current @ gram
        left = energy[open_] - np.einsum("ij,ij->i", solved, right)
        open_ = open_[left > patches.shape[1] * error**2]
    return codes


def rebuild(plane: Array, dictionary: Array, error: float, step: int = 4) -> Array:
    """Code every patch of `plane` (float32) to within `error` and average the overlaps."""
    padded = cv2.copyMakeBorder(plane, SIDE, 2 * SIDE, SIDE, 2 * SIDE, cv2.BORDER_REFLECT_101)
    total, count = np.zeros_like(padded), np.zeros_like(padded)
    # Rows of patches one after the other keep memory to that of a row.
    for top in range(0, padded.shape[0] - SIDE + 1, step):
        patches, means = _patches(padded[top : top + SIDE], step)
        rebuilt = pursue(patches, dictionary, 6, error) @ dictionary + means
        for number, patch in enumerate(rebuilt.reshape(-1, SIDE, SIDE)):
            total[top : top + SIDE, number * step : number * step + SIDE] += patch
            count[top : top + SIDE, number * step : number * step + SIDE] += 1
    height, width = plane.shape
    inside = slice(SIDE, SIDE + height), slice(SIDE, SIDE + width)
    return np.asarray(total[inside] / count[inside], np.float32)


def _patches(plane: Array, step: int) -> tuple[Array, Array]:
    windows = sliding_window_view(plane, (SIDE, SIDE))[::step, ::step].reshape(-1, SIDE * SIDE)
    means = windows.mean(axis=1, keepdims=True)
    return np.asarray(windows - means, np.float32), np.asarray(means, np.float32)


def _overcomplete_dct() -> Array:
    frequencies = np.arange(12)[:, None] * np.arange(SIDE)[None, :]
    one = np.cos(np.pi * (frequencies + np.arange(12)[:, None] / 2) / 12)
    one[1:] -= one[1:].mean(axis=1, keepdims=True)
    atoms = np.kron(one, one)
    atoms = atoms[1:] - atoms[1:].mean(axis=1, keepdims=True)
    length = np.linalg.norm(atoms, axis=1)
    atoms = atoms[length > 0.3]
    atoms = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
    return np.asarray(atoms[np.linspace(0, len(atoms) - 1, ATOMS).astype(int)], np.float32)
