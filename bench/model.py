"""Which head stands best on the same features? Nested agreement with people, each head fitted on the same folds.

    python -m bench.model [--work .cache/train]

Uses the features that `vitrine train` keeps, and for the heads that read a sequence those of the four corners' tiles too.
Ridge, support vectors and kernels choose their settings in inner folds; the heads trained by Adam have none to choose.
"""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import scipy.optimize

from bench import sequence_heads
from models import dataset, training
from models.dataset import Floats, Indices, folds, rest
from models.network import FeatureNetwork, features_of
from models.opinion import CLIP, Features, distances, gram_of
from models.tiles import TileSettings
from pipelines.train import DATA, WORK, Kept, show
from transforms.imaging.types import Pixels

Head = Callable[[Features, Floats, Indices, Indices], Floats]
Predict = Callable[[Indices, Indices, float], Floats]

RIDGES = (100.0, 1000.0, 10000.0)
MARGIN = 3.0
"""Points that a support vector machine lets a score be off at no cost."""
COSTS = (10.0, 30.0, 100.0)


def late(features: Features, fitted_on: Indices) -> Features:
    """Stages 5 to 7 of the centre, standardized over the photos fitted on: photos x columns."""
    rows = training.PARTS[0].take(features)
    mean, deviation = rows[fitted_on].mean(0), rows[fitted_on].std(0) + 1e-6
    return np.clip((rows - mean) / deviation, -CLIP, CLIP)


def ridge(features: Features, mos: Floats, fitted_on: Indices, asked: Indices) -> Floats:
    rows = late(features, fitted_on)
    gram = (rows @ rows.T).astype(np.float64)

    def predict(known: Indices, wanted: Indices, strength: float) -> Floats:
        offset = mos[known].mean()
        alpha = np.linalg.solve(gram[np.ix_(known, known)] + strength * np.eye(len(known)), mos[known] - offset)
        scores: Floats = gram[np.ix_(wanted, known)] @ alpha + offset
        return scores

    return predict(fitted_on, asked, best(RIDGES, predict, mos, fitted_on))


def best(settings: Sequence[float], predict: Predict, mos: Floats, fitted_on: Indices) -> float:
    """The setting with the smallest squared error over inner folds of the photos fitted on."""

    def error(setting: float) -> float:
        inner = [fitted_on[part] for part in folds(len(fitted_on), training.FOLDS, 0)]
        misses = [predict(np.setdiff1d(fitted_on, part), part, setting) - mos[part] for part in inner]
        return float(np.square(np.concatenate(misses)).mean())

    return min(settings, key=error)


def support_vectors(features: Features, mos: Floats, fitted_on: Indices, asked: Indices) -> Floats:
    """Support vector regression (Drucker et al. 1996) on the served kernels, its dual solved by L-BFGS-B within its box."""
    gram = gram_of(distances(features, training.PARTS, fitted_on), training.KERNELS[1])

    def predict(known: Indices, wanted: Indices, cost: float) -> Floats:
        inside, target = gram[np.ix_(known, known)], mos[known] - mos[known].mean()

        def dual(pair: Floats) -> tuple[float, Floats]:
            above, below = np.split(pair, 2)
            weights = above - below
            pull = inside @ weights
            value = weights @ pull / 2 - weights @ target + MARGIN * pair.sum()
            return float(value), np.concatenate([pull - target + MARGIN, target - pull + MARGIN])

        box = [(0.0, cost)] * (2 * len(known))
        found = scipy.optimize.minimize(dual, np.zeros(len(box)), jac=True, bounds=box, options={"maxiter": 300})
        above, below = np.split(found.x, 2)
        scores: Floats = gram[np.ix_(wanted, known)] @ (above - below) + mos[known].mean()
        return scores

    return predict(fitted_on, asked, best(COSTS, predict, mos, fitted_on))


def dense(features: Features, mos: Floats, fitted_on: Indices, asked: Indices) -> Floats:
    keras.utils.set_random_seed(0)
    rows = late(features, fitted_on)
    model = keras.Sequential(
        [
            keras.layers.Input((rows.shape[1],)),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(1),
        ]
    )
    model.compile(keras.optimizers.Adam(1e-3, weight_decay=1e-2), loss="mse")
    mean, deviation = mos[fitted_on].mean(), mos[fitted_on].std()
    model.fit(rows[fitted_on], (mos[fitted_on] - mean) / deviation, batch_size=32, epochs=60, verbose=0)
    scores: Floats = model.predict(rows[asked], verbose=0)[:, 0].astype(np.float64) * deviation + mean
    return scores


HEADS: dict[str, Head] = {
    "ridge": ridge,
    "support vectors, served kernels": support_vectors,
    "dense, 64 hidden, Adam": dense,
}


def corners(network: FeatureNetwork, photos: dataset.RatedPhotos, side: int) -> Features:
    """Features of the tiles in the four corners of each rated photo, none of which is smaller than a tile."""

    def batches(size: int = 4) -> Iterator[Pixels]:
        for start in range(0, len(photos), size):
            show("corners of rated photos", start, len(photos))
            yield np.stack([four(photos.pixels(i)) for i in range(start, min(start + size, len(photos)))])

    def four(pixels: Pixels) -> Pixels:
        ends = (slice(None, side), slice(-side, None))
        return np.stack([pixels[rows, columns] for rows in ends for columns in ends])

    return features_of(network, batches())


def table(features: Features, sequence: Features, mos: Floats) -> Iterator[tuple[str, Floats]]:
    """Every head's scores of photos that it was not fitted on."""

    def held_out(head: Head, rows: Features) -> Floats:
        scores = np.empty_like(mos)
        for part in folds(len(mos), training.FOLDS, 0):
            scores[part] = head(rows, mos, rest(len(mos), part), part)
        return scores

    yield from ((name, held_out(head, features)) for name, head in HEADS.items())
    late = np.concatenate([sequence[..., block] for block in training.PARTS[0].blocks], axis=-1)
    for name, pooling in sequence_heads.POOLINGS.items():
        yield name, held_out(partial(sequence_heads.predict, pooling), late)
    yield "Gaussian kernels (served)", training.nested(features, mos, 0, show).scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=WORK)
    args = parser.parse_args()
    photos = dataset.human_rated(args.data)
    network, settings = training.lite0_features(), TileSettings()
    kept = Kept.of(args.work, network, settings)
    (features,) = kept("rated", lambda: (training.photo_features(network, photos, settings, show),))
    (others,) = kept("corners", lambda: (corners(network, photos, settings.side),))
    print("| head | SRCC | PLCC | RMSE |\n| --- | --- | --- | --- |")
    for name, scores in table(features, np.concatenate([features, others], axis=1), photos.mos):
        told = training.agreement(scores, photos.mos)
        print(f"| {name} | {told.srcc:.3f} | {told.plcc:.3f} | {told.rmse:.2f} |", flush=True)


if __name__ == "__main__":
    main()
