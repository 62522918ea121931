"""Writes a trained network as what is served: one SavedModel, one float LiteRT file, and `model.json` that describes both."""

import dataclasses
import hashlib
import json
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from models.network import QualityNetwork
from models.scorer import CARD, FILES, FORMS, digest
from models.tiles import LAYOUT, TileSettings

SIGNATURE = "serve"


def export(
    network: QualityNetwork,
    folder: Path,
    settings: TileSettings,
    facts: Mapping[str, Any],
    *,
    defects: Sequence[str] = (),
) -> dict[str, Any]:
    """Write both forms and `model.json` into a folder, replacing what is there; return what `model.json` says.

    Args:
        network: the trained network.
        folder: where to.
        settings: the tiles' geometry, which becomes a part of the version.
        facts: what else the file tells: training data, licences, bands, figures.
        defects: names of the network's defect outputs, in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shape = (len(LAYOUT), settings.side, settings.side, 3)
    _write_saved_model(network, shape, folder / FILES["savedmodel"])
    (folder / FILES["litert"]).write_bytes(to_litert(network, shape))
    card = {
        "model_version": version(network, settings),
        "tiles": dataclasses.asdict(settings),
        "layout": LAYOUT,
        "defects": list(defects),
        "digests": {form: digest(folder / FILES[form]) for form in FORMS},
        **facts,
    }
    (folder / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return card


def version(network: QualityNetwork, settings: TileSettings) -> str:
    """Digest of all weights and of the geometry: 12 hex digits, the same for every form."""
    total = hashlib.sha256(json.dumps([dataclasses.asdict(settings), LAYOUT], sort_keys=True).encode())
    for weight in network.features.backbone.get_weights():
        total.update(np.ascontiguousarray(weight).tobytes())
    for name, value in sorted(network.opinion.items()):
        total.update(name.encode() + value.numpy().tobytes())
    return total.hexdigest()[:12]


def to_litert(network: QualityNetwork, shape: Sequence[int]) -> bytes:
    """The network as a float LiteRT file whose one signature takes one photo: a photo's score cannot depend on its batch."""
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module := _frozen(network, 1, shape), folder, signatures={SIGNATURE: module.serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        written: bytes = converter.convert()
    return written


def _write_saved_model(network: QualityNetwork, shape: Sequence[int], path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    module = _frozen(network, None, shape)
    tf.saved_model.save(module, str(path), signatures={SIGNATURE: module.serve})


def _frozen(network: QualityNetwork, photos: int | None, shape: Sequence[int]) -> tf.Module:
    """A module whose `serve` is the network with its variables made constants, which the converter folds."""
    tiles = tf.TensorSpec((photos, *shape), tf.uint8, name="tiles")
    concrete = tf.function(network.__call__, input_signature=[tiles]).get_concrete_function()
    names = sorted(concrete.structured_outputs)
    constant = convert_variables_to_constants_v2(concrete)
    module = tf.Module()
    module.serve = tf.function(lambda tiles: dict(zip(names, constant(tiles), strict=True)), input_signature=[tiles])
    return module
