"""Teaches a backbone that has no weights to tell how clean photos were spoilt, so that its features mean something.

No person's opinion is looked at: the opinion's nested folds stay honest whatever was learnt here. The loss is binary
cross-entropy over the defects (`UNKNOWN` labels do not count), the optimizer Adam, the data the training side's clean photos.
"""

import itertools
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from models.backbones import lite0
from models.detector import masked_cross_entropy
from models.examples import examples
from models.network import pool
from models.references import Reference
from models.tiles import TileSettings
from transforms.imaging.types import Pixels

BATCH = 16
LEARNING_RATE = 1e-3
STEPS_BETWEEN_SAVES = 25

Labels = npt.NDArray[np.float32]
Progress = Callable[[str, int, int], None]


def spoilt_tiles(
    clean: Sequence[Reference], settings: TileSettings, seed: int, progress: Progress
) -> tuple[Pixels, Labels]:
    """Tiles (count x side x side x 3) of spoilt versions of clean photos, and the labels of each."""
    tiles, labels = [], []
    for done, reference in enumerate(clean, start=1):
        for example in examples(reference.path, seed, unseen=False, settings=settings):
            tiles.append(example.tiles)
            labels.append(np.repeat(example.labels[None], len(example.tiles), axis=0))
        progress("photos to learn from", done, len(clean))
    return np.concatenate(tiles), np.concatenate(labels)


def pretrain(
    backbone: keras.Model,
    tiles: Pixels,
    labels: Labels,
    kept: Path,
    budget_s: float,
    seed: int,
    progress: Progress,
) -> list[float]:
    """Train the backbone in place until its budget of core-seconds is spent; an interrupted run goes on from `kept`.

    Args:
        backbone: from normalized pixels to the maps of its stages.
        tiles: count x side x side x 3, uint8.
        labels: count x defects: 1, 0 or `UNKNOWN`.
        kept: a folder for weights and the curve.
        budget_s: core-seconds, those of earlier runs included.
        seed: of the order of tiles.
        progress: told of the share of the budget that is spent.

    Returns:
        The mean loss of each `STEPS_BETWEEN_SAVES` steps.
    """
    keras.utils.set_random_seed(seed)
    head = keras.layers.Dense(labels.shape[1])
    optimizer = keras.optimizers.Adam(LEARNING_RATE)
    features = tf.concat([pool(stage) for stage in backbone(tf.zeros((1, *tiles.shape[1:])))], axis=-1)
    head.build(features.shape)
    variables = [*backbone.trainable_variables, *head.trainable_variables]
    state = _State(kept, variables)

    @tf.function(reduce_retracing=True)
    def step(batch: tf.Tensor, wanted: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            maps = backbone((tf.cast(batch, tf.float32) - lite0.MEAN) / lite0.SCALE, training=True)
            loss = masked_cross_entropy(wanted, head(tf.concat([pool(stage) for stage in maps], axis=-1)))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    losses: list[float] = []
    began = time.process_time()
    for batch in _batches(len(tiles), np.random.default_rng([seed, len(state.curve)])):
        spent = state.spent_s + time.process_time() - began
        if spent >= budget_s:
            break
        losses.append(float(step(tf.constant(tiles[batch]), tf.constant(labels[batch]))))
        if len(losses) == STEPS_BETWEEN_SAVES:
            state.save(float(np.mean(losses)), spent)
            losses.clear()
            progress(f"learning from nothing, loss {state.curve[-1]:.3f}, core-seconds", round(spent), round(budget_s))
    return state.curve


class _State:
    """Weights, curve and the time spent, in a folder."""

    def __init__(self, folder: Path, variables: Sequence[tf.Variable]):
        self._weights, self._told = folder / "weights.npz", folder / "curve.json"
        self._variables = variables
        self.curve: list[float] = []
        self.spent_s = 0.0
        folder.mkdir(parents=True, exist_ok=True)
        if self._told.is_file():
            told = json.loads(self._told.read_text("utf-8"))
            self.curve, self.spent_s = told["curve"], told["spent_s"]
            with np.load(self._weights, allow_pickle=False) as arrays:
                for variable, name in zip(variables, arrays.files, strict=True):
                    variable.assign(arrays[name])

    def save(self, loss: float, spent_s: float) -> None:
        """Keep the weights first: what tells of them is there only when they are."""
        self.curve.append(loss)
        part = self._weights.with_suffix(".part.npz")
        np.savez(part, *(variable.numpy() for variable in self._variables))
        part.rename(self._weights)
        part = self._told.with_suffix(".part")
        part.write_text(json.dumps({"curve": self.curve, "spent_s": spent_s}), "utf-8")
        part.rename(self._told)


def _batches(count: int, rng: np.random.Generator) -> "itertools.chain[npt.NDArray[np.int64]]":
    epochs = (np.array_split(rng.permutation(count), -(-count // BATCH)) for _ in itertools.count())
    return itertools.chain.from_iterable(epochs)
