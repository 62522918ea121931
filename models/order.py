"""What makes the score of the opinion: a share of it, and a small network that keeps the order of a photo's versions.

Rated photos say too little of over-exposure, casts, uneven light and over-sharpening for the opinion to fall with each step of
them. The rest is a line and one hidden layer over both tiles' features, taught at once on what people said of the rated photos
(beside opinions that were formed without the photo), on pairs of versions of one photo of which one is spoilt more
(`models.graded`), and on photos that were only stored as JPEG, which is to change nothing. Adam; pairwise logistic loss.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras import layers

from models.dataset import Floats
from models.detector import scaled
from models.rounding import eighth, half

Array = npt.NDArray[np.float32]
Pairs = npt.NDArray[np.int64]

SHARE = 0.6
"""Of the opinion, in the score."""
HIDDEN = 64
DROPOUT, INNER_DROPOUT = 0.5, 0.3
EPOCHS = 16
BATCH, RATED_BATCH, STORED_BATCH = 256, 128, 64
"""Pairs, rated photos and stored photos in one step of the training."""
LEARNING_RATE = 1e-3
DECAY = 1e-3
MARGIN = 2.0
"""Points by which each step is to fall, and the width over which the loss turns."""
ORDER, HOLD, RATED, STEADY = 8.0, 0.02, 0.03, 0.1
"""Weights: of the pairs; of the mean squares, in points, of what the better ones move, rated photos miss, and storing moves."""
RIDGE = 20_000.0
"""Of the line that the training begins with, fitted on the rated photos alone."""


@dataclass(frozen=True)
class Order:
    """The trained layers as arrays, and what standardizes their input: both tiles' features side by side.

    Attributes:
        share: of the opinion in the score, 0 to 1.
        mean: of each column over what was trained on.
        gain: one over its deviation.
        line: points for each column.
        hidden: columns x hidden units.
        hidden_bias: of each unit.
        out: points for each unit.
        offset: points.
    """

    share: float
    mean: Array
    gain: Array
    line: Array
    hidden: Array
    hidden_bias: Array
    out: Array
    offset: float

    def score(self, features: Array, opinions: Floats) -> Floats:
        """Scores, not clipped, of photos x tiles x features and their opinions in points."""
        rows = _scaled(features, self.mean, self.gain)
        inner = np.maximum(rows @ self.hidden + self.hidden_bias, 0) @ self.out
        scores: Floats = self.share * opinions + rows @ self.line + inner + self.offset
        return scores


@dataclass(frozen=True)
class Rated:
    """Rated photos: features (photos x tiles x features), people's mean opinions, and ours, formed without the photo."""

    features: Array
    mos: Floats
    opinions: Floats


@dataclass(frozen=True)
class Graded:
    """Photos in versions: features, our opinions of them, and which are better than which."""

    features: Array
    opinions: Floats
    pairs: Pairs


@dataclass(frozen=True)
class Stored:
    """Photos and what JPEG made of them: features and opinions, before and after."""

    features: tuple[Array, Array]
    opinions: tuple[Floats, Floats]


def train(rated: Rated, graded: Graded, stored: Stored, seed: int, progress: Callable[[str, int, int], None]) -> Order:
    """Fit on all three."""
    keras.utils.set_random_seed(seed)
    flat = graded.features.reshape(len(graded.features), -1)
    mean, gain = half(flat.mean(axis=0)), half(1 / (flat.std(axis=0) + 1e-3))
    model, begun = _model(_scaled(rated.features, mean, gain), (1 - SHARE) * (rated.mos - rated.mos.mean()))
    versions, people = _scaled(graded.features, mean, gain), _scaled(rated.features, mean, gain)
    before, after = (_scaled(features, mean, gain) for features in stored.features)
    first = versions @ begun
    ours, known = ((SHARE * opinions).astype(np.float32) for opinions in (graded.opinions, rated.opinions))
    moved = (SHARE * (stored.opinions[0] - stored.opinions[1])).astype(np.float32)
    target = rated.mos.astype(np.float32)

    offset = tf.Variable(np.float32((1 - SHARE) * rated.mos.mean()))
    variables = [*model.trainable_variables, offset]
    batch = min(BATCH, len(graded.pairs))
    steps = len(graded.pairs) // batch
    optimizer = keras.optimizers.Adam(
        keras.optimizers.schedules.CosineDecay(LEARNING_RATE, EPOCHS * steps), weight_decay=DECAY
    )
    optimizer.build(variables)

    @tf.function(reduce_retracing=True)
    def step(rows: tf.Tensor, gap: tf.Tensor, was: tf.Tensor, missing: tf.Tensor, drift: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            sizes = [batch, batch, RATED_BATCH, STORED_BATCH, STORED_BATCH]
            better, worse, asked, here, there = tf.split(model(rows, training=True)[:, 0], sizes)
            unordered = tf.nn.softplus((MARGIN - (gap + better - worse)) / MARGIN)
            loss = ORDER * tf.reduce_mean(unordered) + HOLD * tf.reduce_mean(tf.square(better - was))
            loss += RATED * tf.reduce_mean(tf.square(asked + offset - missing))
            loss += STEADY * tf.reduce_mean(tf.square(drift + here - there))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))

    rng = np.random.default_rng(seed)
    for epoch in range(EPOCHS):
        order = rng.permutation(len(graded.pairs))
        for start in range(0, steps * batch, batch):
            better, worse = graded.pairs[order[start : start + batch]].T
            asked, kept = rng.integers(0, len(people), RATED_BATCH), rng.integers(0, len(before), STORED_BATCH)
            rows = np.concatenate([versions[better], versions[worse], people[asked], before[kept], after[kept]])
            step(rows, ours[better] - ours[worse], first[better], target[asked] - known[asked], moved[kept])
        progress("order", epoch + 1, EPOCHS)
    line, hidden, bias, out, last = _weights(model)
    return Order(
        SHARE, mean, gain, half(line), eighth(hidden, 1), half(bias), half(out), float(half(offset.numpy() + last))
    )


def _model(rows: Array, missing: Floats) -> tuple[keras.Model, Array]:
    """A line, begun as a ridge on what is missing from the rated photos' mean, and a hidden layer; and the line's beginning."""
    known = rows @ rows.T + RIDGE * np.eye(len(rows))
    begun = (rows.T @ np.linalg.solve(known, missing)).astype(np.float32)
    seen = layers.Input((rows.shape[1],))
    dropped = layers.Dropout(DROPOUT)(seen)
    hidden = layers.Dropout(INNER_DROPOUT)(layers.Dense(HIDDEN, activation="relu", name="hidden")(dropped))
    line = layers.Dense(1, use_bias=False, name="line")
    model = keras.Model(seen, layers.Add()([line(dropped), layers.Dense(1, name="out")(hidden)]))
    line.set_weights([begun[:, None]])
    return model, begun


def _weights(model: keras.Model) -> Sequence[Array]:
    """The line, hidden weights and biases, and what they are joined by with its bias."""
    (line,), (hidden, bias), (out, last) = (model.get_layer(name).get_weights() for name in ("line", "hidden", "out"))
    return line[:, 0], hidden, bias, out[:, 0], last[0]


def _scaled(features: Array, mean: Array, gain: Array) -> Array:
    """Both tiles' features side by side, standardized and clipped: photos x tiles x features to photos x columns."""
    return scaled(features.reshape(len(features), -1), mean, gain)
