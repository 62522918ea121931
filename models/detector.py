"""The defects' probabilities: one hidden layer over both tiles' features, sigmoid outputs, binary cross-entropy, Adam."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from models.examples import UNKNOWN
from models.opinion import CLIP
from models.rounding import eighth, half

Array = npt.NDArray[np.float32]

HIDDEN = 48
DROPOUT = 0.4
EPOCHS = 30
BATCH = 64
LEARNING_RATE = 1e-3
DECAY = 1e-4


@dataclass(frozen=True)
class Detector:
    """The trained layers as arrays, and what standardizes their input."""

    mean: Array
    gain: Array
    hidden: Array
    hidden_bias: Array
    out: Array
    out_bias: Array

    def predict(self, features: Array) -> Array:
        """Probabilities (photos x defects) of photos x tiles x features."""
        scaled = _scaled(features.reshape(len(features), -1), self.mean, self.gain)
        logits = np.maximum(scaled @ self.hidden + self.hidden_bias, 0) @ self.out + self.out_bias
        return 1 / (1 + np.exp(-logits))


def train(features: Array, labels: Array, seed: int, progress: Callable[[str, int, int], None]) -> Detector:
    """Fit the detector on photos x tiles x features and photos x defects (1, 0, or `UNKNOWN`: not counted)."""
    keras.utils.set_random_seed(seed)
    rows = features.reshape(len(features), -1)
    mean, gain = half(rows.mean(axis=0)), half(1 / (rows.std(axis=0) + 1e-3))
    model = keras.Sequential(
        [
            layers.Input((rows.shape[1],)),
            layers.Dropout(DROPOUT),
            layers.Dense(HIDDEN, activation="relu"),
            layers.Dropout(DROPOUT),
            layers.Dense(labels.shape[1]),
        ]
    )
    model.compile(keras.optimizers.Adam(LEARNING_RATE, weight_decay=DECAY), loss=masked_cross_entropy)
    shown = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: progress("defects", epoch + 1, EPOCHS))
    model.fit(
        _scaled(rows, mean, gain), labels, batch_size=BATCH, epochs=EPOCHS, verbose=0, shuffle=True, callbacks=[shown]
    )
    hidden, *others = model.get_weights()
    return Detector(mean, gain, eighth(hidden, 1), *(half(weight) for weight in others))


def masked_cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Binary cross-entropy over the defects whose label is known."""
    known = tf.cast(labels != UNKNOWN, tf.float32)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.maximum(labels, 0.0), logits)
    return tf.reduce_sum(losses * known) / tf.reduce_sum(known)


def _scaled(rows: Array, mean: Array, gain: Array) -> Array:
    return np.clip((rows - mean) * gain, -CLIP, CLIP)
