"""Which head stands best on the same features? Nested agreement with people, each head fitted on the same folds.

    python -m bench.model [--work .cache/train]

Uses the features that `vitrine train` keeps. Ridge, kernel ridge and a dense head choose their setting in inner folds (the dense
one has none to choose); nothing here is served.
"""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras

from models import dataset, training
from models.dataset import Floats, Indices, folds, rest
from models.opinion import CLIP, Features
from models.tiles import TileSettings
from pipelines.train import DATA, WORK, Kept, show

Head = Callable[[Features, Floats, Indices, Indices], Floats]

RIDGES = (100.0, 1000.0, 10000.0)


def late(features: Features, fitted_on: Indices) -> Features:
    """Stages 5 to 7 of both tiles, standardized over the photos fitted on: photos x columns."""
    rows = np.concatenate([part.take(features) for part in training.PARTS[::2]], axis=1)
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

    def error(strength: float) -> float:
        inner = [fitted_on[part] for part in folds(len(fitted_on), training.FOLDS, 0)]
        misses = [predict(np.setdiff1d(fitted_on, part), part, strength) - mos[part] for part in inner]
        return float(np.square(np.concatenate(misses)).mean())

    return predict(fitted_on, asked, min(RIDGES, key=error))


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


HEADS: dict[str, Head] = {"ridge": ridge, "dense, 64 hidden, Adam": dense}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--work", type=Path, default=WORK)
    args = parser.parse_args()
    photos = dataset.human_rated(args.data)
    network = training.lite0_features()
    kept = Kept.of(args.work, network, TileSettings())
    (features,) = kept("rated", lambda: (training.photo_features(network, photos, TileSettings(), show),))
    print("| head | SRCC | PLCC | RMSE |\n| --- | --- | --- | --- |")
    for name, head in HEADS.items():
        scores = np.empty_like(photos.mos)
        for part in folds(len(photos), training.FOLDS, 0):
            scores[part] = head(features, photos.mos, rest(len(photos), part), part)
        told = training.agreement(scores, photos.mos)
        print(f"| {name} | {told.srcc:.3f} | {told.plcc:.3f} | {told.rmse:.2f} |", flush=True)
    told = training.agreement(training.nested(features, photos.mos, 0, show).scores, photos.mos)
    print(f"| Gaussian kernels (served) | {told.srcc:.3f} | {told.plcc:.3f} | {told.rmse:.2f} |")


if __name__ == "__main__":
    main()
