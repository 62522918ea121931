"""People's opinion from features: a kernel ridge with a Gaussian kernel of its own for each tile.

    k(a, b) = sum over tiles t of w_t exp(-g_t |a_t - b_t|^2 / features)

on features standardized over the training photos and clipped at six deviations. It is solved once, exactly.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

from models.dataset import Floats, Indices

CLIP = 6.0
"""In standard deviations: one odd channel must not decide a photo's distance to all others."""

Features = npt.NDArray[np.float32]
"""photos x tiles x features."""


@dataclass(frozen=True)
class Kernel:
    """What is chosen in the inner folds: a width and a weight for each tile, and the ridge."""

    gammas: tuple[float, ...]
    weights: tuple[float, ...]
    ridge: float


@dataclass(frozen=True)
class Opinion:
    """A fitted kernel ridge; arrays as `models.network` serves them. `gammas` are per squared distance, not per feature."""

    mean: Features
    scale: Features
    support: Features
    gammas: Floats
    weights: Floats
    alpha: Floats
    offset: float
    clip: float
    interval: tuple[float, float]
    """What is added to the score for the interval's ends."""

    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """Every part by name, as float32."""
        return {part.name: np.asarray(getattr(self, part.name), np.float32) for part in fields(self)}

    def predict(self, features: Features) -> Floats:
        """Scores of photos x tiles x features, not clipped."""
        scaled = standardize(features, self.mean, self.scale)
        tiles = range(len(self.gammas))
        between = np.stack([squared_distances(scaled[:, tile], self.support[:, tile]) for tile in tiles])
        scores: Floats = _gram(between, self.gammas, self.weights) @ self.alpha + self.offset
        return scores


def fit(features: Features, mos: Floats, kernel: Kernel, interval: tuple[float, float] = (0.0, 0.0)) -> Opinion:
    """Solve the ridge on photos x tiles x features and their mean opinions."""
    mean, scale = moments(features)
    support = standardize(features, mean, scale)
    gammas = np.asarray(kernel.gammas, np.float64) / features.shape[-1]
    weights = np.asarray(kernel.weights) / np.sum(kernel.weights)
    between = np.stack([squared_distances(support[:, tile], support[:, tile]) for tile in range(len(gammas))])
    offset = float(mos.mean())
    gram = _gram(between, gammas, weights)
    alpha = np.linalg.solve(gram + kernel.ridge * np.eye(len(mos)), mos - offset).astype(np.float64)
    return Opinion(mean, scale, support, gammas, weights, alpha, offset, CLIP, interval)


def distances(features: Features, fitted_on: Indices) -> Floats:
    """All photos' squared distances to each other, per feature, standardized over some of them: tiles x photos x photos."""
    scaled = standardize(features, *moments(features[fitted_on]))
    tiles = range(features.shape[1])
    return np.stack([squared_distances(scaled[:, tile], scaled[:, tile]) for tile in tiles]) / features.shape[-1]


def held_out(gram: Floats, mos: Floats, ridge: float, fitted_on: Indices, asked: Indices) -> Floats:
    """Scores of the photos asked for, by a ridge on other ones; the gram matrix is that of all photos."""
    offset = mos[fitted_on].mean()
    known = gram[np.ix_(fitted_on, fitted_on)] + ridge * np.eye(len(fitted_on))
    scores: Floats = gram[np.ix_(asked, fitted_on)] @ np.linalg.solve(known, mos[fitted_on] - offset) + offset
    return scores


def gram_of(between: Floats, kernel: Kernel) -> Floats:
    """The kernel's values for what `distances` gave."""
    return _gram(between, np.asarray(kernel.gammas), np.asarray(kernel.weights) / np.sum(kernel.weights))


def _gram(between: Floats, gammas: npt.NDArray[Any], weights: npt.NDArray[Any]) -> Floats:
    gram: Floats = sum(w * np.exp(-g * d) for d, g, w in zip(between, gammas, weights, strict=True) if w)
    return gram


def squared_distances(a: Features, b: Features) -> Floats:
    """Squared Euclidean distances of rows: rows of a x rows of b."""
    squares = np.square(a).sum(1, dtype=np.float64)[:, None] + np.square(b).sum(1, dtype=np.float64)[None]
    return np.maximum(squares - 2 * (a @ b.T), 0.0)


def moments(features: Features) -> tuple[Features, Features]:
    """Mean and standard deviation of each feature over photos."""
    return features.mean(axis=0), features.std(axis=0) + 1e-6


def standardize(features: Features, mean: Features, scale: Features) -> Features:
    """Centre and scale each feature, and clip."""
    return np.clip((features - mean) / scale, -CLIP, CLIP)
