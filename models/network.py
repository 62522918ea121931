"""The network as it is trained on and served: tiles in, pooled features, and the opinion that stands on them."""

from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from models.backbones import lite0
from models.opinion import Opinion
from models.tiles import LAYOUT

STAGES = (5, 6, 7)
"""Which stages' maps are pooled, counted from 1."""
POOL_EPSILON = 1e-6
"""Under the root of a channel's variance: a flat tile has a finite gradient."""


class FeatureNetwork(tf.Module):
    """Tiles to features: each channel's mean and standard deviation over the tile, for each stage of `STAGES`."""

    def __init__(self, backbone: keras.Model):
        super().__init__(name="features")
        self.backbone = backbone

    def __call__(self, tiles: tf.Tensor) -> tf.Tensor:
        """Map uint8 (batch x side x side x 3) to float32 (batch x features)."""
        maps = self.backbone((tf.cast(tiles, tf.float32) - lite0.MEAN) / lite0.SCALE, training=False)
        return tf.concat([pool(maps[stage - 1]) for stage in STAGES], axis=-1)


def pool(features: tf.Tensor) -> tf.Tensor:
    """Mean and standard deviation of each channel: batch x height x width x channels to batch x 2 channels."""
    mean = tf.reduce_mean(features, [1, 2])
    variance = tf.reduce_mean(tf.square(features - mean[:, None, None, :]), [1, 2])
    return tf.concat([mean, tf.sqrt(variance + POOL_EPSILON)], axis=-1)


def features_of(network: FeatureNetwork, batches: Any) -> npt.NDArray[np.float32]:
    """Run batches of photos (each photos x tiles x side x side x 3, uint8) to photos x tiles x features, float32."""
    run = tf.function(network, reduce_retracing=True)
    rows = []
    for batch in batches:
        flat = batch.reshape(-1, *batch.shape[2:])
        rows.append(run(tf.constant(flat)).numpy().reshape(*batch.shape[:2], -1))
    return np.concatenate(rows)


class QualityNetwork(tf.Module):
    """What is served: uint8 tiles of some photos in, everything the model says of them out."""

    def __init__(self, features: FeatureNetwork, opinion: Opinion):
        super().__init__(name="quality")
        self.features = features
        self.opinion = {name: tf.constant(value, tf.float32) for name, value in opinion.arrays().items()}

    def __call__(self, tiles: tf.Tensor) -> dict[str, tf.Tensor]:
        """Score photos x tiles x side x side x 3, uint8: `score`, `low` and `high` in 0..100, each float32 per photo."""
        side = tiles.shape[2]
        flat = tf.reshape(tiles, [-1, side, side, 3])
        features = self.features(flat)
        rows = tf.reshape(features, [-1, len(LAYOUT), features.shape[-1]])
        score = self._score(rows)
        low, high = (score + self.opinion["interval"][end] for end in (0, 1))
        return {
            name: tf.clip_by_value(value, 0.0, 100.0)
            for name, value in (("score", score), ("low", low), ("high", high))
        }

    def _score(self, rows: tf.Tensor) -> tf.Tensor:
        """The kernel machine of `models.opinion`, in TensorFlow."""
        part = self.opinion
        scaled = tf.clip_by_value((rows - part["mean"]) / part["scale"], -part["clip"], part["clip"])
        kernel = tf.constant(0.0)
        for tile in range(len(LAYOUT)):
            here, known = scaled[:, tile], part["support"][:, tile]
            squares = tf.reduce_sum(here * here, -1)[:, None] + tf.reduce_sum(known * known, -1)[None]
            distance = tf.nn.relu(squares - 2.0 * tf.matmul(here, known, transpose_b=True))
            kernel += part["weights"][tile] * tf.exp(-part["gammas"][tile] * distance)
        return tf.linalg.matvec(kernel, part["alpha"]) + part["offset"]
