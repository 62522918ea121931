"""A plain convolutional network, as textbooks draw it: five times convolution, ReLU and pooling. It has no weights of its own to
begin with: `models.pretraining` teaches it from nothing.
"""

import keras
from keras import layers

WIDTHS = (16, 32, 64, 128, 128)
SIDE = 256


def build(side: int | None = None) -> keras.Model:
    """The network from (x - 127) / 128 floats, batch x side x side x 3, to the maps of its five stages before their pooling."""
    x = image = keras.Input((side, side, 3), name="image")
    maps = []
    for stage, width in enumerate(WIDTHS, start=1):
        x = layers.Conv2D(width, 3, padding="same", activation="relu", name=f"conv{stage}")(x)
        maps.append(x)
        x = layers.MaxPooling2D(2, name=f"pool{stage}")(x)
    return keras.Model(image, maps, name="plain")
