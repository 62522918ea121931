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

from models.defects import PENALTIES
from models.network import QualityNetwork
from models.scorer import CARD, FILES, FORMS, digest
from models.tiles import LAYOUT, TileSettings

SIGNATURE = "serve"
SMALL = 512
"""Constants of fewer numbers stay as they are."""


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
    parts = network.opinion.parts
    told = [dataclasses.asdict(settings), LAYOUT, network.opinion.gamma, network.opinion.offset]
    told += [PENALTIES, network.interval.floor, network.interval.width, [(str(p.part), p.weight) for p in parts]]
    arrays = [*network.features.backbone.get_weights(), network.opinion.alpha, network.interval.root]
    arrays += [array for p in parts for array in (p.mean, p.gain, p.support)]
    arrays += dataclasses.astuple(network.detector)
    total = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for array in arrays:
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:12]


def to_litert(network: QualityNetwork, shape: Sequence[int]) -> bytes:
    """The network as a float LiteRT file whose one signature takes one photo: a photo's score cannot depend on its batch."""
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module := _frozen(network, 1, shape), folder, signatures={SIGNATURE: module.serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        # Weights are kept in half precision, which holds them (almost all of them exactly); the arithmetic is float32.
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
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
    graph = halved(constant.graph.as_graph_def())
    inputs, outputs = ([tensor.name for tensor in side] for side in (constant.inputs, constant.outputs))

    def imported(tiles: tf.Tensor) -> dict[str, tf.Tensor]:
        values = tf.graph_util.import_graph_def(graph, {inputs[0].partition(":")[0]: tiles}, outputs)
        return dict(zip(names, values, strict=True))

    module = tf.Module()
    module.serve = tf.function(imported, input_signature=[tiles])
    return module


def halved(graph: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    """The same graph, with each large constant that half precision holds exactly kept so, and cast where it is used."""
    smaller = tf.compat.v1.GraphDef()
    smaller.CopyFrom(graph)
    del smaller.node[:]
    for node in graph.node:
        value = tf.make_ndarray(node.attr["value"].tensor) if node.op == "Const" else np.empty(0)
        if value.dtype != np.float32 or value.size < SMALL or not np.array_equal(value.astype(np.float16), value):
            smaller.node.add().CopyFrom(node)
            continue
        kept = smaller.node.add(op="Const", name=f"{node.name}/half")
        kept.attr["dtype"].type = tf.float16.as_datatype_enum
        kept.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value.astype(np.float16)))
        cast = smaller.node.add(op="Cast", name=node.name, input=[kept.name])
        cast.attr["SrcT"].type = tf.float16.as_datatype_enum
        cast.attr["DstT"].type = tf.float32.as_datatype_enum
    return smaller
