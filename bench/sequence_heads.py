"""Heads over a photo's tiles as a sequence: the mean of them, attention over them, and a GRU along them, each trained by Adam."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from models.dataset import Floats, Indices
from models.opinion import CLIP, Features

WIDTH = 64
EPOCHS = 40
BATCH = 32
LEARNING_RATE = 1e-3
DECAY = 1e-2


def pooled_mean(tiles: tf.Tensor) -> tf.Tensor:
    """Each tile counts alike: batch x tiles x width to batch x width."""
    return layers.GlobalAveragePooling1D()(tiles)


def pooled_by_attention(tiles: tf.Tensor) -> tf.Tensor:
    """Each tile counts by a weight of its own content (Ilse et al. 2018)."""
    weights = layers.Softmax(axis=1)(layers.Dense(1)(layers.Dense(WIDTH // 2, activation="tanh")(tiles)))
    return layers.Flatten()(layers.Dot(axes=1)([weights, tiles]))


def along_gru(tiles: tf.Tensor) -> tf.Tensor:
    """The state of a gated recurrent unit (Cho et al. 2014) after the last tile."""
    return layers.GRU(WIDTH // 2)(tiles)


POOLINGS: dict[str, Callable[[tf.Tensor], tf.Tensor]] = {
    "mean of six tiles, Adam": pooled_mean,
    "attention over six tiles, Adam": pooled_by_attention,
    "GRU along six tiles, Adam": along_gru,
}


def predict(
    pooling: Callable[[tf.Tensor], tf.Tensor], features: Features, mos: Floats, fitted_on: Indices, asked: Indices
) -> Floats:
    """Train a head on some photos and score others; nothing is chosen, so no inner folds are needed.

    Args:
        pooling: how the tiles become one row.
        features: photos x tiles x features.
        mos: the opinions of all of these photos; only those of `fitted_on` are looked at.
        fitted_on: photos to train on.
        asked: photos to score.
    """
    keras.utils.set_random_seed(0)
    known = features[fitted_on].reshape(-1, features.shape[-1])
    mean, deviation = known.mean(0), known.std(0) + 1e-3
    rows = np.clip((features - mean) / deviation, -CLIP, CLIP)
    tiles = keras.Input(features.shape[1:])
    shared = layers.Dense(WIDTH, activation="relu")(layers.Dropout(0.5)(tiles))
    model = keras.Model(tiles, layers.Dense(1)(layers.Dropout(0.3)(pooling(shared))))
    model.compile(keras.optimizers.Adam(LEARNING_RATE, weight_decay=DECAY), loss="mse")
    centre, scale = mos[fitted_on].mean(), mos[fitted_on].std()
    model.fit(rows[fitted_on], (mos[fitted_on] - centre) / scale, batch_size=BATCH, epochs=EPOCHS, verbose=0)
    scores: Floats = model.predict(rows[asked], verbose=0)[:, 0].astype(np.float64) * scale + centre
    return scores
