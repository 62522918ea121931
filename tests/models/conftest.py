"""Photos to score: the repository's own samples."""

from pathlib import Path

import keras
import numpy as np
import pytest

from models.dataset import read_rgb
from models.network import FeatureNetwork
from models.rounding import eighth
from models.tiles import TileSettings, cut

SAMPLES = Path(__file__).parents[2] / "samples"
SIDE = 32
"""Of the small network's tiles, px."""


@pytest.fixture(scope="session")
def photos() -> list[np.ndarray]:
    """Eight sample photos as pixels."""
    return [read_rgb(path) for path in sorted(SAMPLES.glob("*-*.jpg"))[:8]]


@pytest.fixture(scope="session")
def tiles(photos) -> np.ndarray:
    """Their tiles: 8 x tiles x side x side x 3."""
    return np.stack([cut(photo, TileSettings()) for photo in photos])


def _small_network(activated: bool = True) -> FeatureNetwork:
    """Seven small stages with all that the backbone is made of: convolutions, depthwise ones, sums, ReLU6.

    Without `activated` no ReLU6 follows a depthwise one: heads taught on the other are so sure that float32 tells their odds badly.
    """
    keras.utils.set_random_seed(0)
    image = keras.Input((SIDE, SIDE, 3))
    x, maps = keras.layers.Conv2D(8, 3, 2, padding="same", name="stem")(image), []
    for stage in range(7):
        y = keras.layers.ReLU(6.0, name=f"relu{stage}")(x)
        y = keras.layers.DepthwiseConv2D(3, padding="same", name=f"depth{stage}")(y)
        y = keras.layers.ReLU(6.0, name=f"depth_relu{stage}")(y) if activated else y
        y = keras.layers.Conv2D(8, 1, name=f"project{stage}")(y)
        x = keras.layers.Add(name=f"add{stage}")([x, y])
        maps.append(x)
    model = keras.Model(image, maps)
    for layer in model.layers:
        if layer.get_weights():
            kernel, bias = layer.get_weights()
            layer.set_weights([eighth(kernel, 2 if isinstance(layer, keras.layers.DepthwiseConv2D) else 3), bias])
    return FeatureNetwork(model)


@pytest.fixture(scope="session")
def small_network():
    """Builds a small network; the same weights each time."""
    return _small_network


@pytest.fixture(scope="session")
def patches():
    """Makes so many photos' tiles for it: smooth patches with some grain."""

    def make(count: int) -> np.ndarray:
        rng = np.random.default_rng(0)
        smooth = rng.integers(30, 220, (count, 2, 4, 4, 3)).repeat(8, axis=2).repeat(8, axis=3)
        return np.clip(smooth + rng.integers(-20, 20, smooth.shape), 0, 255).astype(np.uint8)

    return make
