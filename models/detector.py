"""The defects' probabilities: one hidden layer over both tiles' features, sigmoid outputs, binary cross-entropy, Adam.

Beside the features it may look at the standardized measures (`models.data.analysis`): where light burns out or falls off over
the whole photo, which a network that sees tiles overlooks, they count it.
"""

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
"""Of features and hidden units; a measure is one of a few and is never dropped."""
WEIGHT = 20.0
"""By which standardized measures are multiplied in training: a few numbers among thousands are learnt from as fast."""
EPOCHS = 30
BATCH = 64
LEARNING_RATE = 1e-3
DECAY = 1e-4


@dataclass(frozen=True)
class Detector:
    """The trained layers as arrays, and what standardizes the features."""

    mean: Array
    gain: Array
    hidden: Array
    hidden_bias: Array
    out: Array
    out_bias: Array
    measured: Array | None = None
    """The hidden layer's weights of the standardized measures; None where it was not taught on them."""

    def predict(self, features: Array, standard: Array | None = None) -> Array:
        """Probabilities (photos x defects) of photos x tiles x features, and photos x standardized measures if it looks at them."""
        inner = scaled(features.reshape(len(features), -1), self.mean, self.gain) @ self.hidden + self.hidden_bias
        if self.measured is not None and standard is not None:
            inner = inner + standard @ self.measured
        return 1 / (1 + np.exp(-(np.maximum(inner, 0) @ self.out + self.out_bias)))


def train(
    features: Array,
    labels: Array,
    seed: int,
    progress: Callable[[str, int, int], None],
    standard: Array | None = None,
) -> Detector:
    """Fit the detector.

    Args:
        features: photos x tiles x features.
        labels: photos x defects: 1, 0, or `UNKNOWN`, which is not counted.
        seed: of the weights' beginning and the order of photos.
        progress: told of each epoch.
        standard: photos x standardized measures, to be looked at beside the features; None: they are not.
    """
    keras.utils.set_random_seed(seed)
    rows = features.reshape(len(features), -1)
    mean, gain = half(rows.mean(axis=0)), half(1 / (rows.std(axis=0) + 1e-3))
    given = [layers.Input((rows.shape[1],))]
    seen = layers.Dropout(DROPOUT)(given[0])
    fed = [scaled(rows, mean, gain)]
    if standard is not None:
        given.append(layers.Input((standard.shape[1],)))
        seen = layers.Concatenate()([seen, given[1]])
        fed.append(standard * np.float32(WEIGHT))
    units = layers.Dense(HIDDEN, activation="relu")(seen)
    units = layers.Dropout(DROPOUT)(units)
    model = keras.Model(given, layers.Dense(labels.shape[1])(units))
    model.compile(keras.optimizers.Adam(LEARNING_RATE, weight_decay=DECAY), loss=masked_cross_entropy)
    shown = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: progress("defects", epoch + 1, EPOCHS))
    model.fit(fed, labels, batch_size=BATCH, epochs=EPOCHS, verbose=0, shuffle=True, callbacks=[shown])
    hidden, *others = model.get_weights()
    measured = None if standard is None else half(hidden[rows.shape[1] :] * WEIGHT)
    hidden_bias, out, out_bias = (half(array) for array in others)
    return Detector(mean, gain, eighth(hidden[: rows.shape[1]], 1), hidden_bias, out, out_bias, measured)


def masked_cross_entropy(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Binary cross-entropy over the defects whose label is known."""
    known = tf.cast(labels != UNKNOWN, tf.float32)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.maximum(labels, 0.0), logits)
    return tf.reduce_sum(losses * known) / tf.reduce_sum(known)


def scaled(rows: Array, mean: Array, gain: Array) -> Array:
    """Rows, photos x columns, standardized and clipped."""
    return np.clip((rows - mean) * gain, -CLIP, CLIP)
