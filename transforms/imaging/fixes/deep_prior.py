"""Deep Image Prior: a network that has seen nothing but this photo fills or cleans it, stopped before it learns the
damage.

Source: Ulyanov, Vedaldi and Lempitsky, "Deep image prior", CVPR 2018. Stopped by its own rule, after Wang et al.,
"Early stopping for deep image prior", TMLR 2023: when the variance of its last outputs has not fallen for a while.
Needs TensorFlow, and minutes; never part of a run.
"""

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from transforms.imaging.fixes.inpaint import check_mask
from transforms.imaging.types import Pixels

MOST_SIDE = 512
"""The part of the photo that is worked on: its long side in pixels; memory and minutes grow with its square."""


def inpaint_deep_prior(pixels: Pixels, mask: npt.NDArray[np.bool_], steps: int = 1200, seed: int = 0) -> Pixels:
    """Fill `mask` (height x width, bool) by what the network makes of the rest; all else stays to the bit.

    Raises:
        UserError: the mask does not fit the photo.
    """
    check_mask(pixels, mask)
    rows, columns = np.nonzero(mask)
    top, bottom = _around(rows.min(), rows.max(), pixels.shape[0])
    left, right = _around(columns.min(), columns.max(), pixels.shape[1])
    part, marked = pixels[top:bottom, left:right], mask[top:bottom, left:right]
    made = _fit(part, ~marked, steps, seed)
    mended = pixels.copy()
    mended[top:bottom, left:right][marked] = made[marked]
    return mended


def denoise_deep_prior(pixels: Pixels, steps: int = 1200, seed: int = 0) -> Pixels:
    """Denoise a photo of at most `MOST_SIDE` pixels a side by stopping the network before it learns the grain."""
    if max(pixels.shape[:2]) > MOST_SIDE:
        raise ValueError(f"at most {MOST_SIDE} pixels a side, not {pixels.shape[1]}x{pixels.shape[0]}")
    return _fit(pixels, np.ones(pixels.shape[:2], np.bool_), steps, seed)


def _around(low: int, high: int, length: int, margin: int = 64) -> tuple[int, int]:
    return max(int(low) - margin, 0), min(int(high) + 1 + margin, length)


def _fit(pixels: Pixels, known: npt.NDArray[np.bool_], steps: int, seed: int) -> Pixels:
    tf.keras.utils.set_random_seed(seed)
    height, width = pixels.shape[:2]
    tall, wide = (-(-side // 16) * 16 for side in (height, width))
    padded = np.pad(
        pixels, ((0, tall - height), (0, wide - width), (0, 0)), "reflect" if min(height, width) > 16 else "edge"
    )
    weight = np.pad(known, ((0, tall - height), (0, wide - width))).astype(np.float32)[None, ..., None]
    target = tf.constant(padded[None].astype(np.float32) / 255.0)
    # A small part has no coarse levels to speak of.
    network = _network(tall, wide, 4 if min(tall, wide) >= 64 else 2)
    optimizer = tf.keras.optimizers.Adam(0.01)
    noise = tf.random.uniform((1, tall, wide, 8), 0, 0.1, seed=seed)

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            made = network(noise + tf.random.normal(noise.shape, 0, 0.01), training=True)
            loss = tf.reduce_sum(weight * tf.square(made - target)) / tf.reduce_sum(weight)
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return made

    return _early_stopped(step, steps)[:height, :width]


def _early_stopped(
    step: "tf.types.experimental.GenericFunction", steps: int, window: int = 40, patience: int = 200
) -> Pixels:
    """Run `step`; the running mean of outputs where their variance was least, patience without a lower one ends it."""
    mean = square = None
    least, best, since = np.inf, None, 0
    for number in range(steps):
        made = step().numpy()[0]
        rate = 1.0 / min(number + 1, window)
        mean = made if mean is None else mean + rate * (made - mean)
        square = made**2 if square is None else square + rate * (made**2 - square)
        if number < 2 * window:
            continue
        variance = float((square - mean**2).mean())
        if variance < least:
            least, best, since = variance, mean, 0
        else:
            since += 1
            if since >= patience:
                break
    chosen = mean if best is None else best
    assert chosen is not None
    return np.clip(np.rint(chosen * 255), 0, 255).astype(np.uint8)


def _network(height: int, width: int, depth: int, filters: int = 32) -> tf.keras.Model:
    """An hourglass with short cuts: each level halves, and doubles again."""
    layers = tf.keras.layers

    def block(value: tf.Tensor, count: int, stride: int = 1, size: int = 3) -> tf.Tensor:
        value = layers.Conv2D(count, size, stride, "same")(value)
        value = layers.BatchNormalization()(value)
        return layers.LeakyReLU(0.1)(value)

    start = value = layers.Input((height, width, 8))
    cuts = []
    for _ in range(depth):
        cuts.append(block(value, 4, size=1))
        value = block(block(value, filters, 2), filters)
    for cut in reversed(cuts):
        value = layers.UpSampling2D(interpolation="bilinear")(value)
        value = block(block(layers.Concatenate()([value, cut]), filters), filters, size=1)
    return tf.keras.Model(start, layers.Conv2D(3, 1, activation="sigmoid")(value))
