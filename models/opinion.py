"""People's opinion from features: a kernel ridge on a mixture of Gaussian kernels, each on a part of what one tile shows.

    k(a, b) = sum over parts p of w_p exp(-g_p |a_p - b_p|^2)

A part is one tile's features of some stages, standardized over the training photos, clipped at six deviations, and scaled so
that each stage counts alike however many channels it has. The ridge is solved once, exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.dataset import Floats, Indices
from models.rounding import eighth, half

CLIP = 6.0
"""In standard deviations: one odd channel must not decide a photo's distance to all others."""

Features = npt.NDArray[np.float32]
"""photos x tiles x features, or photos x features of one part."""


@dataclass(frozen=True)
class Part:
    """What one kernel looks at: a tile, and blocks of columns that count alike."""

    name: str
    tile: int
    blocks: tuple[slice, ...]

    def take(self, features: Features) -> Features:
        """The part's columns of photos x tiles x features."""
        return np.concatenate([features[:, self.tile, block] for block in self.blocks], axis=1)

    def scale(self) -> Features:
        """What each column is multiplied by, so that the squared distance is the mean over blocks of a mean over columns."""
        widths = [block.stop - block.start for block in self.blocks]
        return np.repeat([1 / np.sqrt(width * len(widths)) for width in widths], widths).astype(np.float32)


@dataclass(frozen=True)
class Kernel:
    """What is chosen in the inner folds: a width, a weight for each part, and the ridge."""

    gamma: float
    weights: tuple[float, ...]
    ridge: float


@dataclass(frozen=True)
class FittedPart:
    """One part as it is served: what standardizes its columns, and the training photos seen so."""

    part: Part
    mean: Features
    gain: Features
    """Scale over deviation, for each column."""
    limit: Features
    """Where each scaled column is clipped."""
    support: Features
    weight: float

    def scaled(self, features: Features) -> Features:
        """The part's columns of photos x tiles x features, ready for distances."""
        return np.clip((self.part.take(features) - self.mean) * self.gain, -self.limit, self.limit)


@dataclass(frozen=True)
class Opinion:
    """A fitted kernel ridge."""

    parts: tuple[FittedPart, ...]
    gamma: float
    alpha: Floats
    offset: float

    def predict(self, features: Features) -> Floats:
        """Scores of photos x tiles x features, not clipped."""
        grams = [p.weight * np.exp(-self.gamma * squared_distances(p.scaled(features), p.support)) for p in self.parts]
        scores: Floats = np.sum(grams, axis=0) @ self.alpha + self.offset
        return scores


@dataclass(frozen=True)
class Interval:
    """How far opinions lie from scores: width x sqrt(what the training photos leave unknown + floor), in points."""

    root: Features
    """A lower triangular root of the inverse of gram + ridge: the sum of squares of root x kernel is what is known."""
    floor: float
    width: float


def interval(opinion: Opinion, ridge: float, width: float) -> Interval:
    """The interval of a fitted ridge; `width` is found on photos that it was not fitted on (`spread_of`)."""
    grams = [p.weight * np.exp(-opinion.gamma * squared_distances(p.support, p.support)) for p in opinion.parts]
    known = np.sum(grams, axis=0) + ridge * np.eye(len(opinion.alpha))
    return Interval(half(np.tril(np.linalg.inv(np.linalg.cholesky(known)))), ridge, width)


def unknown(gram: Floats, ridge: float, fitted_on: Indices, asked: Indices) -> Floats:
    """What the fitted photos leave unknown of others: the Gaussian process' standard deviation, in units of its prior's."""
    known = gram[np.ix_(fitted_on, fitted_on)] + ridge * np.eye(len(fitted_on))
    across = gram[np.ix_(asked, fitted_on)]
    explained = np.einsum("ij,ji->i", across, np.linalg.solve(known, across.T))
    deviation: Floats = np.sqrt(np.maximum(1 - explained, 0) + ridge)
    return deviation


def fit(features: Features, mos: Floats, parts: Sequence[Part], kernel: Kernel) -> Opinion:
    """Solve the ridge on photos x tiles x features and their mean opinions."""
    shares = np.asarray(kernel.weights) / np.sum(kernel.weights)
    fitted = tuple(_fit_part(features, part, share) for part, share in zip(parts, shares, strict=True) if share)
    grams = [p.weight * np.exp(-kernel.gamma * squared_distances(p.support, p.support)) for p in fitted]
    offset = float(mos.mean())
    alpha = np.linalg.solve(np.sum(grams, axis=0) + kernel.ridge * np.eye(len(mos)), mos - offset)
    return Opinion(fitted, kernel.gamma, half(alpha).astype(np.float64), offset)


def _fit_part(features: Features, part: Part, weight: float) -> FittedPart:
    taken, scale = part.take(features), part.scale()
    mean, gain = half(taken.mean(axis=0)), half(scale / (taken.std(axis=0) + 1e-3))
    limit = half(CLIP * scale)
    support = eighth(np.clip((taken - mean) * gain, -limit, limit), 1)
    return FittedPart(part, mean, gain, limit, support, float(weight))


def distances(features: Features, parts: Sequence[Part], fitted_on: Indices) -> Floats:
    """All photos' squared distances to each other, standardized over some of them: parts x photos x photos."""
    scaled = [_fit_part(features[fitted_on], part, 1.0).scaled(features) for part in parts]
    return np.stack([squared_distances(part, part) for part in scaled])


def gram_of(between: Floats, kernel: Kernel) -> Floats:
    """The kernel's values for what `distances` gave."""
    shares = np.asarray(kernel.weights) / np.sum(kernel.weights)
    gram: Floats = sum(share * np.exp(-kernel.gamma * d) for share, d in zip(shares, between, strict=True) if share)
    return gram


def held_out(gram: Floats, mos: Floats, ridge: float, fitted_on: Indices, asked: Indices) -> Floats:
    """Scores of the photos asked for, by a ridge on other ones; the gram matrix is that of all photos."""
    offset = mos[fitted_on].mean()
    known = gram[np.ix_(fitted_on, fitted_on)] + ridge * np.eye(len(fitted_on))
    scores: Floats = gram[np.ix_(asked, fitted_on)] @ np.linalg.solve(known, mos[fitted_on] - offset) + offset
    return scores


def squared_distances(a: Features, b: Features) -> Floats:
    """Squared Euclidean distances of rows: rows of a x rows of b."""
    squares = np.square(a).sum(1, dtype=np.float64)[:, None] + np.square(b).sum(1, dtype=np.float64)[None]
    return np.maximum(squares - 2 * (a @ b.T), 0.0)
