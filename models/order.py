"""What keeps the order of scores: points lost for spoilt light, colour and detail of which the rated photos say too little.

One hidden layer over both tiles' features, taught on pairs of versions of one photo of which one is spoilt more
(`models.graded`): the opinion less the points lost is to fall with each step. A pairwise logistic loss, Adam; the square of what
is lost is held down, so that people's order of photos is changed no more than the steps ask for.
"""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from models.dataset import Floats
from models.opinion import CLIP
from models.rounding import eighth, half

Array = npt.NDArray[np.float32]
Pairs = npt.NDArray[np.int64]
Blocks = tuple[slice, ...]

HIDDEN = 32
DROPOUT = 0.5
EPOCHS = 60
BATCH = 256
"""Pairs in one step of the training."""
LEARNING_RATE = 1e-3
DECAY = 1e-3
MARGIN = 2.0
"""Points by which each step is to fall, and the width over which the loss turns."""
HOLD = 0.02
"""Weight of the mean square of the points that the better ones lose, in points squared."""


@dataclass(frozen=True)
class Order:
    """What of a tile's features is looked at, the trained layers as arrays, and what standardizes their input."""

    blocks: Blocks
    mean: Array
    gain: Array
    hidden: Array
    hidden_bias: Array
    out: Array
    out_bias: Array

    def lost(self, features: Array) -> Array:
        """Points that each photo's score loses: photos x tiles x features to photos."""
        rows = np.clip((taken(features, self.blocks) - self.mean) * self.gain, -CLIP, CLIP)
        inner = np.maximum(rows @ self.hidden + self.hidden_bias, 0) @ self.out + self.out_bias
        return np.logaddexp(inner[:, 0], 0)


def taken(features: Array, blocks: Blocks) -> Array:
    """The blocks of all tiles, side by side: photos x tiles x features to photos x columns."""
    return np.concatenate([features[..., block] for block in blocks], axis=-1).reshape(len(features), -1)


def train(
    features: Array,
    opinions: Floats,
    pairs: Pairs,
    seed: int,
    progress: Callable[[str, int, int], None],
    blocks: Blocks = (slice(None),),
) -> Order:
    """Fit on photos x tiles x features, their opinions in points, and pairs x (better, worse): places of photos.

    Args:
        blocks: which of a tile's features are looked at.
    """
    keras.utils.set_random_seed(seed)
    rows = taken(features, blocks)
    mean, gain = half(rows.mean(axis=0)), half(1 / (rows.std(axis=0) + 1e-3))
    scaled, points = np.clip((rows - mean) * gain, -CLIP, CLIP), opinions.astype(np.float32)
    model = keras.Sequential(
        [
            layers.Input((rows.shape[1],)),
            layers.Dropout(DROPOUT),
            layers.Dense(HIDDEN, activation="relu"),
            layers.Dropout(DROPOUT),
            layers.Dense(1),
        ]
    )
    optimizer = keras.optimizers.Adam(LEARNING_RATE, weight_decay=DECAY)
    step = tf.function(lambda known, gap: _step(model, optimizer, known, gap), reduce_retracing=True)
    rng = np.random.default_rng(seed)
    for epoch in range(EPOCHS):
        order = rng.permutation(len(pairs))
        for start in range(0, len(pairs) - BATCH + 1, BATCH):
            better, worse = pairs[order[start : start + BATCH]].T
            step(np.concatenate([scaled[better], scaled[worse]]), points[better] - points[worse])
        progress("order", epoch + 1, EPOCHS)
    hidden, *others = model.get_weights()
    return Order(blocks, mean, gain, eighth(hidden, 1), *(half(weight) for weight in others))


def _step(model: keras.Model, optimizer: keras.Optimizer, scaled: tf.Tensor, gap: tf.Tensor) -> None:
    """Learn from pairs: rows of the better ones and then of the worse ones, and how much higher the opinion of the better is."""
    with tf.GradientTape() as tape:
        lost = tf.nn.softplus(model(scaled, training=True)[:, 0])
        better, worse = tf.split(lost, 2)
        unordered = tf.nn.softplus((MARGIN - (gap - better + worse)) / MARGIN)
        loss = tf.reduce_mean(unordered) + HOLD * tf.reduce_mean(tf.square(better))
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
