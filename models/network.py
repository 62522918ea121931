"""The network as it is trained on and served: tiles in, pooled features, and the opinion that stands on them."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from models.backbones import lite0
from models.detector import Detector
from models.opinion import CLIP, Interval, Opinion
from models.order import Order
from models.tiles import LAYOUT
from transforms.imaging.types import Pixels

if TYPE_CHECKING:
    from models.scalar_transform import ScalarTransform  # tf.Transform takes seconds to import

POOL_EPSILON = 1e-6
"""Under the root of a channel's variance: a flat tile has a finite gradient."""

WIDTHS = tuple(channels for *_, channels, _ in lite0.STAGES)
"""Channels of each stage; a tile's features are mean and standard deviation of each, stage by stage."""

BANDS = 6
"""Bands of rows in which the interval's triangular root is kept."""
GRID = 4
"""The tone features' grid has so many fields on a side."""
LEVELS = tuple(np.linspace(0, 1, 9).tolist())
"""Where the tone features' histogram has its peaks, as shares of full scale."""


def columns(stage: int, statistic: str = "both", widths: Sequence[int] = WIDTHS) -> slice:
    """Where a stage's features are: `stage` from 1, of stages so wide; `statistic` is "mean", "deviation" or "both"."""
    start, width = 2 * sum(widths[: stage - 1]), widths[stage - 1]
    return {
        "mean": slice(start, start + width),
        "deviation": slice(start + width, start + 2 * width),
        "both": slice(start, start + 2 * width),
    }[statistic]


class Backbone(Protocol):
    """Normalized pixels to the maps of each stage: a Keras model, or its int8 stand-in."""

    def __call__(self, image: tf.Tensor, training: bool = False) -> list[tf.Tensor]:
        """The stages' maps, first to last."""

    def get_weights(self) -> list[npt.NDArray[np.float32]]:
        """All weights."""


class FeatureNetwork(tf.Module):
    """Tiles to features: mean and standard deviation of each channel of each stage over the tile, then the tile's tones."""

    def __init__(self, backbone: Backbone):
        super().__init__(name="features")
        self.backbone = backbone
        self.compiled = tf.function(self.__call__, reduce_retracing=True)

    def __call__(self, tiles: tf.Tensor) -> tf.Tensor:
        """Map uint8 (batch x side x side x 3) to float32 (batch x features)."""
        pixels = tf.cast(tiles, tf.float32)
        maps = self.backbone((pixels - lite0.MEAN) / lite0.SCALE, training=False)
        return tf.concat([*(pool(stage) for stage in maps), tones(pixels)], axis=-1)


def pool(features: tf.Tensor) -> tf.Tensor:
    """Mean and standard deviation of each channel: batch x height x width x channels to batch x 2 channels."""
    mean = tf.reduce_mean(features, [1, 2])
    variance = tf.reduce_mean(tf.square(features - mean[:, None, None, :]), [1, 2])
    return tf.concat([mean, tf.sqrt(variance + POOL_EPSILON)], axis=-1)


def tones(pixels: tf.Tensor) -> tf.Tensor:
    """Light and colour, which a network trained on ImageNet learns to overlook: batch x side x side x 3 in 0..255.

    Returns:
        batch x tones: mean red, green and blue in each field of a 4 x 4 grid, then each channel's soft histogram.
    """
    small = tf.nn.avg_pool2d(pixels / 255.0, 4, 4, "VALID")
    side = small.shape[1] // GRID
    fields = tf.reshape(tf.nn.avg_pool2d(small, side, side, "VALID"), [-1, GRID * GRID * 3])
    width = LEVELS[1] - LEVELS[0]
    levels = [tf.reduce_mean(tf.nn.relu(1.0 - tf.abs(small - level) / width), [1, 2]) for level in LEVELS]
    return tf.concat([fields, *levels], axis=-1)


def as_served(network: FeatureNetwork) -> Callable[[tf.Tensor], dict[str, tf.Tensor]]:
    """Photos x tiles x side x side x 3 to `features`, photos x tiles x features: the served network without its heads."""

    def run(tiles: tf.Tensor) -> dict[str, tf.Tensor]:
        features = network(tf.reshape(tiles, [-1, *tiles.shape[2:]]))
        return {"features": tf.reshape(features, [-1, tiles.shape[1], features.shape[-1]])}

    return run


def features_of(network: FeatureNetwork, batches: Iterable[Pixels]) -> npt.NDArray[np.float32]:
    """Run batches of photos (each photos x tiles x side x side x 3, uint8) to photos x tiles x features, float32."""
    rows = []
    for batch in batches:
        flat = batch.reshape(-1, *batch.shape[2:])
        rows.append(network.compiled(tf.constant(flat)).numpy().reshape(*batch.shape[:2], -1))
    return np.concatenate(rows)


class QualityNetwork(tf.Module):
    """What is served: uint8 tiles of some photos in, everything the model says of them out."""

    def __init__(
        self,
        features: FeatureNetwork,
        opinion: Opinion,
        interval: Interval,
        detector: Detector,
        order: Order,
        transform: "ScalarTransform | None" = None,
    ):
        super().__init__(name="quality")
        self.features = features
        self.opinion, self.interval, self.detector, self.order = opinion, interval, detector, order
        self.transform = transform

    def __call__(self, tiles: tf.Tensor, scalars: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Judge photos.

        Args:
            tiles: photos x tiles x side x side x 3, uint8.
            scalars: photos x measures, float32, NaN where one could not be made, if the network has a `transform` for them.

        Returns:
            `score`, `low` and `high` in 0..100 for each photo; `defects`: photos x defects, probabilities; all float32.
        """
        side = tiles.shape[2]
        features = self.features(tf.reshape(tiles, [-1, side, side, 3]))
        rows = tf.reshape(features, [-1, len(LAYOUT), features.shape[-1]])
        kernel = self._kernel(rows)
        both = tf.reshape(features, [-1, len(LAYOUT) * features.shape[-1]])
        opinion = tf.linalg.matvec(kernel, _constant(self.opinion.alpha)) + self.opinion.offset
        score = self.order.share * opinion + _rest(self.order, both)
        reach = self._reach(kernel)
        ends = {"score": score, "low": score - reach, "high": score + reach}
        clipped = {name: tf.clip_by_value(value, 0.0, 100.0) for name, value in ends.items()}
        return clipped | {"defects": tf.sigmoid(_logits(self.detector, both, self._measured(scalars)))}

    def _measured(self, scalars: tf.Tensor | None) -> tf.Tensor | float:
        """What the detector's hidden units get from the measures: photos x units, float32 in every form."""
        if self.transform is None or self.detector.measured is None or scalars is None:
            return 0.0
        return tf.matmul(self.transform(scalars), _constant(self.detector.measured))

    def _kernel(self, rows: tf.Tensor) -> tf.Tensor:
        """The kernel of `models.opinion` between photos and the training photos."""
        kernel = tf.constant(0.0)
        for fitted in self.opinion.parts:
            taken = tf.concat([rows[:, fitted.part.tile, block] for block in fitted.part.blocks], axis=1)
            limit = _constant(fitted.limit)
            here = tf.clip_by_value((taken - _constant(fitted.mean)) * _constant(fitted.gain), -limit, limit)
            known = _constant(fitted.support)
            squares = tf.reduce_sum(here * here, -1)[:, None] + tf.reduce_sum(known * known, -1)[None]
            distance = tf.nn.relu(squares - 2.0 * tf.matmul(here, known, transpose_b=True))
            kernel += fitted.weight * tf.exp(-self.opinion.gamma * distance)
        return kernel

    def _reach(self, kernel: tf.Tensor) -> tf.Tensor:
        """Half the interval: wider for a photo that is like none of the training photos."""
        root = self.interval.root
        known = tf.constant(0.0)
        # The root is lower triangular: by bands of rows, most of its zeros are neither kept nor multiplied.
        for rows in np.array_split(np.arange(len(root)), BANDS):
            end = rows[-1] + 1
            band = _constant(root[rows[0] : end, :end])
            known += tf.reduce_sum(tf.square(tf.matmul(kernel[:, :end], band, transpose_b=True)), -1)
        return self.interval.width * tf.sqrt(tf.nn.relu(1.0 - known) + self.interval.floor)


def _logits(detector: Detector, rows: tf.Tensor, measured: tf.Tensor | float) -> tf.Tensor:
    """Both tiles' features, photos x columns, to photos x defects, before the sigmoid; `measured` is added to the hidden units."""
    _, hidden = _hidden(detector, rows, measured)
    return tf.matmul(hidden, _constant(detector.out)) + _constant(detector.out_bias)


def _rest(order: Order, rows: tf.Tensor) -> tf.Tensor:
    """What the score has besides its share of the opinion, in points: both tiles' features, photos x columns, to photos."""
    scaled, hidden = _hidden(order, rows)
    rest = tf.linalg.matvec(scaled, _constant(order.line)) + tf.linalg.matvec(hidden, _constant(order.out))
    return rest + order.offset


def _hidden(part: Detector | Order, rows: tf.Tensor, more: tf.Tensor | float = 0.0) -> tuple[tf.Tensor, tf.Tensor]:
    """Rows as the part standardizes them, and its hidden layer, to which `more` is added: photos x units."""
    scaled = tf.clip_by_value((rows - _constant(part.mean)) * _constant(part.gain), -CLIP, CLIP)
    inner = tf.matmul(scaled, _constant(part.hidden)) + _constant(part.hidden_bias)
    return scaled, tf.nn.relu(inner if isinstance(more, float) else inner + more)


def _constant(array: npt.NDArray[np.generic]) -> tf.Tensor:
    return tf.constant(array, tf.float32)
