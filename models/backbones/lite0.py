"""EfficientNet-Lite0 in Keras 3: the mobile network whose ImageNet features the opinion score stands on.

Structure after Tan & Le 2019 (EfficientNet-B0) and the Lite variant's published changes: no squeeze-and-excitation, ReLU6 in
place of swish, stem and head not scaled. Padding is TensorFlow's SAME, the BatchNorm epsilon 1e-3, the input (x - 127) / 128.
"""

from typing import Any

import keras
import numpy as np
from keras import layers

from models.lite0_weights import Weights
from models.rounding import eighth

MEAN, SCALE = 127.0, 128.0
BN_EPSILON = 1e-3
BN_PARTS = ("weight", "bias", "running_mean", "running_var")

STAGES: tuple[tuple[int, int, int, int, int], ...] = (
    # kernel, stride, expansion, channels, blocks
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


def build(side: int | None = None, *, classes: int = 0, stages: int = len(STAGES), folded: bool = False) -> keras.Model:
    """The network from (x - 127) / 128 floats, batch x side x side x 3.

    Args:
        folded: with each BatchNorm folded into the convolution before it, as it is served; otherwise as it is trained.
        side: the input's side in pixels; None for any.
        classes: 0 for a model whose outputs are the stages' feature maps, first to last; otherwise the width of
            an ImageNet-like head, and the one output are its logits.
        stages: how many stages to build, 1 to 7.
    """
    image = keras.Input((side, side, 3), name="image")
    x = _conv(image, "stem", folded, filters=32, kernel=3, stride=2)
    maps = []
    index = 0
    for kernel, stride, expansion, channels, blocks in STAGES[:stages]:
        for block in range(blocks):
            x = _block(x, f"block{index}", folded, kernel, stride if block == 0 else 1, expansion, channels)
            index += 1
        maps.append(x)
    if not classes:
        return keras.Model(image, maps, name="lite0")
    x = _conv(x, "head", folded, filters=1280, kernel=1)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    return keras.Model(image, layers.Dense(classes, name="logits")(x), name="lite0")


def _conv(x: Any, name: str, folded: bool, *, filters: int, kernel: int, stride: int = 1, relu: bool = True) -> Any:
    x = layers.Conv2D(filters, kernel, stride, padding="same", use_bias=folded, name=f"{name}_conv")(x)
    return _normalized(x, name, folded, relu)


def _normalized(x: Any, name: str, folded: bool, relu: bool = True) -> Any:
    if not folded:
        x = layers.BatchNormalization(epsilon=BN_EPSILON, name=f"{name}_bn")(x)
    return layers.ReLU(6.0, name=f"{name}_relu")(x) if relu else x


def _block(x: Any, name: str, folded: bool, kernel: int, stride: int, expansion: int, channels: int) -> Any:
    shortcut, width = x, x.shape[-1]
    if expansion > 1:
        x = _conv(x, f"{name}_expand", folded, filters=width * expansion, kernel=1)
    x = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=folded, name=f"{name}_depth_conv")(x)
    x = _normalized(x, f"{name}_depth", folded)
    x = _conv(x, f"{name}_project", folded, filters=channels, kernel=1, relu=False)
    return layers.Add(name=f"{name}_add")([shortcut, x]) if stride == 1 and width == channels else x


def set_weights(model: keras.Model, weights: Weights) -> None:
    """Put torch-ordered weights (from `models.lite0_weights.read`) into a model of `build`.

    Raises:
        KeyError: when a layer's weights are missing.
        ValueError: when a shape differs.
    """
    for layer in model.layers:
        arrays = _arrays(layer, weights)
        if arrays:
            layer.set_weights(arrays)


def _arrays(layer: keras.Layer, weights: Weights) -> list[np.ndarray]:
    source = _source(layer.name)
    if isinstance(layer, layers.BatchNormalization):
        return [weights[f"{source}.{part}"] for part in BN_PARTS]
    if isinstance(layer, layers.Dense):
        return [weights[f"{source}.weight"].T, weights[f"{source}.bias"]]
    if not isinstance(layer, layers.Conv2D | layers.DepthwiseConv2D):
        return []
    kernel = weights[f"{source}.weight"]
    axes = (2, 3, 0, 1) if isinstance(layer, layers.DepthwiseConv2D) else (2, 3, 1, 0)
    if not layer.use_bias:
        return [kernel.transpose(axes)]
    scale, shift, mean, variance = (weights[f"{_source(layer.name[:-4] + 'bn')}.{part}"] for part in BN_PARTS)
    gain = scale / np.sqrt(variance + BN_EPSILON)
    # Rounded to what the int8 form holds: it has then exactly the weights whose features the heads were trained on.
    kernel = eighth(kernel * gain[:, None, None, None], 0)
    return [kernel.transpose(axes), shift - mean * gain]


def _source(name: str) -> str:
    """The name that the published weights give to a layer of ours."""
    outside = {
        "stem_conv": "_conv_stem",
        "stem_bn": "_bn0",
        "head_conv": "_conv_head",
        "head_bn": "_bn1",
        "logits": "_fc",
    }
    if name in outside:
        return outside[name]
    block, _, part = name.partition("_")
    parts = {
        "expand_conv": "_expand_conv",
        "expand_bn": "_bn0",
        "depth_conv": "_depthwise_conv",
        "depth_bn": "_bn1",
        "project_conv": "_project_conv",
        "project_bn": "_bn2",
    }
    return f"_blocks.{block.removeprefix('block')}.{parts[part]}" if part in parts else ""
