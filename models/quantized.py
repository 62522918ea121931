"""The backbone in int8: where each layer's numbers lie on real photos, and the network marked so that LiteRT quantizes it.

Weights are int8 for each channel already (`models.rounding`), so what is lost is the rounding of what passes between layers.
Pooling and heads stay in float32.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from models.backbones import lite0
from transforms.imaging.types import Pixels

Ranges = Mapping[str, tuple[float, float]]
"""The least and the greatest number that comes out of each layer, by the layer's name."""

DIGITS = 3
"""Significant digits of a range: another machine's float32 finds the same."""
_LINEAR = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
_KNOWN = (*_LINEAR, keras.layers.ReLU, keras.layers.Add)


def ranges_of(backbone: keras.Model, batches: Iterable[Pixels]) -> dict[str, tuple[float, float]]:
    """Find each layer's range on tiles: batches of tiles x side x side x 3, uint8."""
    layers = [layer for layer in backbone.layers if isinstance(layer, _KNOWN)]
    probe = keras.Model(backbone.input, [layer.output for layer in layers])
    run = tf.function(
        lambda tiles: [(tf.reduce_min(x), tf.reduce_max(x)) for x in probe(normalized(tiles), training=False)],
        autograph=False,
        reduce_retracing=True,
    )
    seen = np.array([run(tf.constant(tiles)) for tiles in batches])
    # Zero must have a whole number of its own, for padding: every range holds it.
    lows, highs = np.minimum(seen[..., 0].min(axis=0), 0), np.maximum(seen[..., 1].max(axis=0), 0)
    return {layer.name: (_rounded(low), _rounded(high)) for layer, low, high in zip(layers, lows, highs, strict=True)}


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


def normalized(tiles: tf.Tensor) -> tf.Tensor:
    """The backbone's input from uint8 or float tiles of 0..255."""
    return (tf.cast(tiles, tf.float32) - lite0.MEAN) / lite0.SCALE


class QuantizedBackbone:
    """A backbone's stand-in that rounds between the layers as int8 does; the converter makes int8 operations of it."""

    def __init__(self, backbone: keras.Model, ranges: Ranges):
        self._backbone = backbone
        self._ranges = ranges
        # What goes into a ReLU and nowhere else is never seen: the two are one operation.
        used = Counter(tensor.name for layer in backbone.layers for tensor in _as_list(layer.input))
        into_relu = {layer.input.name for layer in backbone.layers if isinstance(layer, keras.layers.ReLU)}
        self._hidden = {name for name in into_relu if used[name] == 1} - {t.name for t in backbone.outputs}

    def __call__(self, image: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        """The stages' feature maps, of normalized pixels."""
        (pixels,) = self._backbone.inputs
        values = {pixels.name: _stepped(image, (-lite0.MEAN / lite0.SCALE, (255 - lite0.MEAN) / lite0.SCALE))}
        for layer in self._backbone.layers:
            if isinstance(layer, keras.layers.InputLayer):
                continue
            given = [values[tensor.name] for tensor in _as_list(layer.input)]
            y = layer(given if len(given) > 1 else given[0])
            if layer.name in self._ranges and layer.output.name not in self._hidden:
                y = _stepped(y, self._ranges[layer.name])
            values[layer.output.name] = y
        return [values[tensor.name] for tensor in self._backbone.outputs]

    def get_weights(self) -> list[npt.NDArray[np.float32]]:
        """The backbone's weights."""
        weights: list[npt.NDArray[np.float32]] = self._backbone.get_weights()
        return weights


def _as_list(tensors: Any) -> list[Any]:
    return tensors if isinstance(tensors, list) else [tensors]


def _stepped(x: tf.Tensor, limits: tuple[float, float]) -> tf.Tensor:
    return tf.quantization.fake_quant_with_min_max_args(x, *limits)
