"""Trains the quality model on the photos that people rated, and says how far it agrees with them.

Nothing that was chosen on a photo is reported on it: kernels are chosen in the inner folds of each outer training part, and
the figures are those of the outer parts. The shipped weights are then fitted on all photos, with the kernel chosen by folds of all.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.stats

from models import order
from models.backbones import choices
from models.dataset import Floats, RatedPhotos, folds, rest
from models.examples import examples
from models.network import WIDTHS, FeatureNetwork, columns, features_of
from models.opinion import Features, Kernel, Opinion, Part, distances, fit, gram_of, held_out, unknown
from models.order import Graded, Order, Pairs, Rated, Stored
from models.references import Reference
from models.tiles import LAYOUT, TileSettings, cut
from transforms.imaging.types import Pixels

FOLDS = 5


def parts_of(widths: Sequence[int]) -> tuple[Part, ...]:
    """What the opinion's kernels look at: of the centre the last three stages, and once more the means of the last but one."""
    count = len(widths)
    late = tuple(columns(stage, widths=widths) for stage in range(count - 2, count + 1))
    means = (columns(count - 1, "mean", widths),)
    centre = LAYOUT.index("centre")
    return (
        Part(f"centre, stages {count - 2} to {count}", centre, late),
        Part(f"centre, means of stage {count - 1}", centre, means),
    )


PARTS = parts_of(WIDTHS)
"""Those of the backbone that is served."""
KERNELS = tuple(Kernel(gamma, (1, means), 0.02) for gamma in (0.3, 0.5) for means in (0, 0.3, 0.5))
"""What the inner folds choose from: a width for all kernels, and each part's weight."""
COVERAGE = 0.9
"""Share of photos whose mean opinion the interval is to hold."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Agreement:
    """How far scores agree with people: Spearman's and Pearson's correlation and the root mean square error in points."""

    srcc: float
    plcc: float
    rmse: float


@dataclass(frozen=True)
class HeldOut:
    """Scores of photos by models that were neither fitted nor chosen on them, and what those left unknown."""

    scores: Floats
    unknown: Floats


def lite0_features() -> FeatureNetwork:
    """The frozen ImageNet backbone with its pooling.

    Raises:
        UserError: when the package with the weights is not installed.
    """
    return FeatureNetwork(choices.build(choices.CHOICES["lite0"], choices.IMAGENET))


def photo_features(
    network: FeatureNetwork, photos: RatedPhotos, settings: TileSettings, progress: Progress
) -> Features:
    """Features of every rated photo: photos x tiles x features."""
    return features_of(network, rated_tiles(photos, settings, progress))


def rated_tiles(photos: RatedPhotos, settings: TileSettings, progress: Progress, size: int = 8) -> Iterator[Pixels]:
    """The tiles of every rated photo, in batches of `size` photos."""
    for start in range(0, len(photos), size):
        progress("rated photos", start, len(photos))
        yield np.stack([cut(photos.pixels(i), settings) for i in range(start, min(start + size, len(photos)))])
    progress("rated photos", len(photos), len(photos))


def spoilt_features(
    network: FeatureNetwork, reference: Reference, settings: TileSettings, seed: int
) -> tuple[Features, Features]:
    """Features (examples x tiles x features) and labels (examples x defects) of one clean photo's spoilt versions."""
    made = list(examples(reference.path, seed, unseen=reference.is_test, settings=settings))
    return features_of(network, [np.stack([example.tiles for example in made])]), np.stack([e.labels for e in made])


def choose(between: Floats, mos: Floats, seed: int, kernels: Sequence[Kernel] = KERNELS) -> Kernel:
    """The kernel whose out-of-fold scores have the smallest squared error on all photos of these distances."""
    parts, everyone = folds(len(mos), FOLDS, seed), np.arange(len(mos))
    errors = []
    for kernel in kernels:
        gram = gram_of(between, kernel)
        misses = [held_out(gram, mos, kernel.ridge, np.setdiff1d(everyone, part), part) - mos[part] for part in parts]
        errors.append(np.square(np.concatenate(misses)).mean())
    return kernels[int(np.argmin(errors))]


def nested(features: Features, mos: Floats, seed: int, progress: Progress, parts: Sequence[Part] = PARTS) -> HeldOut:
    """Score each photo by a model that neither was fitted nor had its kernel chosen on it."""
    scores, spread = np.empty_like(mos), np.empty_like(mos)
    outer = folds(len(mos), FOLDS, seed)
    for done, part in enumerate(outer):
        others = rest(len(mos), part)
        between = distances(features, parts, others)
        kernel = choose(between[:, others][:, :, others], mos[others], seed)
        gram = gram_of(between, kernel)
        scores[part] = held_out(gram, mos, kernel.ridge, others, part)
        spread[part] = unknown(gram, kernel.ridge, others, part)
        progress(f"nested folds, seed {seed}", done + 1, len(outer))
    return HeldOut(scores, spread)


@dataclass(frozen=True)
class Lessons:
    """What the order is taught on besides rated photos: features, versions or photos x tiles x features.

    Attributes:
        versions: of clean photos and of uploads, as they are and spoilt.
        pairs: places of versions, the better and the worse.
        before: photos.
        after: the same photos, once stored as JPEG.
    """

    versions: Features
    pairs: Pairs
    before: Features
    after: Features


def teach(
    features: Features,
    mos: Floats,
    lessons: Lessons,
    kernel: Kernel,
    seed: int,
    progress: Progress,
    parts: Sequence[Part] = PARTS,
) -> tuple[Opinion, Order]:
    """Fit the opinion on rated photos, and what makes the score of it: photos x tiles x features, and their mean opinions."""
    fitted = fit(features, mos, parts, kernel)
    rated = Rated(features, mos, others_opinions(features, mos, kernel, seed, parts))
    graded = Graded(lessons.versions, fitted.predict(lessons.versions), lessons.pairs)
    both = lessons.before, lessons.after
    stored = Stored(both, (fitted.predict(lessons.before), fitted.predict(lessons.after)))
    return fitted, order.train(rated, graded, stored, seed, progress)


def others_opinions(features: Features, mos: Floats, kernel: Kernel, seed: int, parts: Sequence[Part]) -> Floats:
    """The opinion of each photo that those of other folds give."""
    gram = gram_of(distances(features, parts, np.arange(len(mos))), kernel)
    opinions = np.empty_like(mos)
    for part in folds(len(mos), FOLDS, seed):
        opinions[part] = held_out(gram, mos, kernel.ridge, rest(len(mos), part), part)
    return opinions


def nested_scores(
    features: Features,
    mos: Floats,
    lessons: Lessons,
    seed: int,
    progress: Progress,
    parts: Sequence[Part] = PARTS,
    served: Features | None = None,
) -> tuple[HeldOut, Floats]:
    """Score each photo by a model of which neither the opinion nor the order, nor any choice, has seen it.

    Args:
        features: photos x tiles x features.
        mos: their mean opinions.
        lessons: what else the order is taught on.
        seed: of the folds and of the training.
        progress: told of each outer fold.
        parts: what the opinion's kernels look at.
        served: the photos' features as another form gives them; by default the same.

    Returns:
        Scores and what is unknown, and the scores of the photos as `served` shows them.
    """
    scores, spread, others_seen = np.empty_like(mos), np.empty_like(mos), np.empty_like(mos)
    outer = folds(len(mos), FOLDS, seed)
    for done, part in enumerate(outer):
        others = rest(len(mos), part)
        between = distances(features, parts, others)
        kernel = choose(between[:, others][:, :, others], mos[others], seed)
        fitted, ordered = teach(features[others], mos[others], lessons, kernel, seed, quiet, parts)
        scores[part] = ordered.score(features[part], fitted.predict(features[part]))
        seen = (features if served is None else served)[part]
        others_seen[part] = ordered.score(seen, fitted.predict(seen))
        spread[part] = unknown(gram_of(between, kernel), kernel.ridge, others, part)
        progress(f"nested folds, seed {seed}", done + 1, len(outer))
    return HeldOut(scores, spread), others_seen


def quiet(what: str, done: int, total: int) -> None:
    """Show no progress."""


def nested_served(
    features: Features, served: Features, mos: Floats, seed: int, kernels: Sequence[Kernel] = KERNELS
) -> Floats:
    """Scores as `nested` gives them, where the photo that is scored is seen by another form: heads fitted on float features.

    Args:
        features: the float network's, photos x tiles x features: what heads are fitted and kernels chosen on.
        served: the other form's features of the same photos.
        mos: their mean opinions.
        seed: of the folds.
        kernels: what the inner folds choose from.
    """
    scores = np.empty_like(mos)
    for part in folds(len(mos), FOLDS, seed):
        others = rest(len(mos), part)
        kernel = choose(distances(features[others], PARTS, np.arange(len(others))), mos[others], seed, kernels)
        scores[part] = fit(features[others], mos[others], PARTS, kernel).predict(served[part])
    return scores


def agreement(scores: Floats, mos: Floats) -> Agreement:
    """Compare scores, clipped to 0..100, with mean opinions."""
    clipped = np.clip(scores, 0, 100)
    return Agreement(
        float(scipy.stats.spearmanr(clipped, mos).statistic),
        float(scipy.stats.pearsonr(clipped, mos).statistic),
        float(np.sqrt(np.square(clipped - mos).mean())),
    )


def width_of(out: HeldOut, mos: Floats) -> float:
    """Points for each unit of what is unknown, so that the interval held `COVERAGE` of the opinions."""
    return float(np.quantile(np.abs(mos - out.scores) / out.unknown, COVERAGE))
