"""VGG16 (Simonyan & Zisserman 2015) from keras.applications: the maps of the last convolution of each of its five blocks."""

import keras

from models.backbones import lite0

WIDTHS = (64, 128, 256, 512, 512)
SIDE = 224
_MEAN = (103.939, 116.779, 123.68)
"""Of ImageNet, blue first: what its published weights expect to have been taken away."""


def build(side: int | None = None, weights: str | None = None) -> keras.Model:
    """The network from (x - 127) / 128 floats, batch x side x side x 3, to the maps of its five blocks before their pooling.

    Args:
        side: the input's side in pixels; None for any.
        weights: "imagenet" (fetched by Keras), a file of weights without the dense layers, or None for random ones.

    Raises:
        Exception: whatever Keras raises where the weights cannot be fetched or do not fit.
    """
    image = keras.Input((side, side, 3), name="image")
    blue_first = (image * lite0.SCALE + lite0.MEAN)[..., ::-1]
    network = keras.applications.VGG16(
        include_top=False, weights=weights, input_tensor=blue_first - keras.ops.array(_MEAN, "float32")
    )
    last = [network.get_layer(f"block{block}_conv{2 if block < 3 else 3}").output for block in range(1, 6)]
    return keras.Model(image, last, name="vgg16")
