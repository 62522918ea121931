"""tf.Transform's saved graph of the scalar measures, as a part of the served network."""

import hashlib
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models.data.analysis import INPUT, OUTPUT
from models.scalars import SCALARS

_PROBES = 64
"""Vectors by whose outcome two transforms are told apart."""
_DIGITS = 4


class ScalarTransform:
    """Measures to what the detector looks at: the very graph that tf.Transform saved, in training and in serving."""

    def __init__(self, folder: Path | str):
        self._output = tft.TFTransformOutput(str(folder))

    def __call__(self, scalars: tf.Tensor) -> tf.Tensor:
        """Photos x measures, float32, NaN where one could not be made, to photos x 3 measures, float32."""
        return self._output.transform_raw_features({INPUT: scalars})[OUTPUT]

    def of(self, scalars: np.ndarray) -> np.ndarray:
        """The same of arrays."""
        return np.asarray(self(tf.constant(scalars, tf.float32)))

    def digest(self) -> str:
        """A digest of what it does to some vectors: the same for the same statistics, wherever they were computed."""
        rng = np.random.default_rng(0)
        probes = rng.standard_cauchy((_PROBES, len(SCALARS))).astype(np.float32)
        return hashlib.sha256(np.round(self.of(probes), _DIGITS).tobytes()).hexdigest()
