"""Writes a trained network as what is served: a SavedModel, an int8 and a float LiteRT file, and `model.json` about them."""

import dataclasses
import hashlib
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from models import compact
from models.network import FeatureNetwork, QualityNetwork, as_served
from models.quantized import QuantizedBackbone, Ranges
from models.scalars import SCALARS
from models.scorer import CARD, FILES, FORMS, digest
from models.tiles import LAYOUT, TileSettings
from transforms.imaging.types import Pixels

SIGNATURE = "serve"

Network = Callable[..., dict[str, tf.Tensor]]
"""Tiles of some photos, and their scalar measures if it takes any, to named outputs."""


def export(
    network: QualityNetwork,
    folder: Path,
    settings: TileSettings,
    facts: Mapping[str, Any],
    *,
    defects: Sequence[str] = (),
    ranges: Ranges | None,
) -> dict[str, Any]:
    """Write all forms and `model.json` into a folder, replacing what is there; return what `model.json` says.

    Args:
        network: the trained network.
        folder: where to.
        settings: the tiles' geometry, which becomes a part of the version.
        facts: what else the file tells: training data, licences, bands, figures.
        defects: names of the network's defect outputs, in order.
        ranges: what the int8 form rounds between layers to (`models.quantized.ranges_of`); None: no such form is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shape = (len(LAYOUT), settings.side, settings.side, 3)
    scalars = len(SCALARS) if network.transform else 0
    _write_saved_model(network, shape, folder / FILES["savedmodel"], scalars)
    (folder / FILES["litert"]).write_bytes(to_litert(network.__call__, shape, scalars=scalars))
    (folder / FILES["int8"]).unlink(missing_ok=True)
    if ranges is not None:
        heads = network.opinion, network.interval, network.detector, network.order, network.transform
        rounded = QualityNetwork(quantized(network.features, ranges), *heads)
        (folder / FILES["int8"]).write_bytes(to_litert(rounded.__call__, shape, int8=True, scalars=scalars))
    card = {
        "model_version": version(network, settings, ranges),
        "tiles": dataclasses.asdict(settings),
        "layout": LAYOUT,
        "defects": list(defects),
        **({"scalars": list(SCALARS)} if network.transform else {}),
        "digests": {form: written for form in FORMS if (written := digest(folder / FILES[form]))},
        **facts,
    }
    (folder / CARD).write_text(json.dumps(card, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return card


def version(network: QualityNetwork, settings: TileSettings, ranges: Ranges | None) -> str:
    """Digest of all weights, of the geometry and of what int8 rounds to: 12 hex digits, the same for every form."""
    parts = network.opinion.parts
    told = [dataclasses.asdict(settings), LAYOUT, network.opinion.gamma, network.opinion.offset]
    told += [
        network.order.share,
        network.order.offset,
        network.interval.floor,
        network.interval.width,
        [(str(p.part), p.weight) for p in parts],
    ]
    told += [dict(ranges or {})]
    if network.transform:
        told += [list(SCALARS), network.transform.digest()]
    arrays = [*network.features.backbone.get_weights(), network.opinion.alpha, network.interval.root]
    arrays += [array for p in parts for array in (p.mean, p.gain, p.support)]
    arrays += [*dataclasses.astuple(network.detector), *dataclasses.astuple(network.order)[1:-1]]
    arrays = [array for array in arrays if array is not None]
    total = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for array in arrays:
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()[:12]


def quantized(features: FeatureNetwork, ranges: Ranges) -> FeatureNetwork:
    """The same features, of the backbone in int8."""
    return FeatureNetwork(QuantizedBackbone(features.backbone, ranges))


def to_litert(network: Network, shape: Sequence[int], *, int8: bool = False, scalars: int = 0) -> bytes:
    """A network as a LiteRT file whose one signature takes one photo: a photo's score cannot depend on its batch.

    Args:
        network: maps uint8 (1 x shape) to named outputs.
        shape: of one photo's tiles.
        int8: make int8 operations of what is marked so (`models.quantized`); the rest stays float32, and so do measures.
        scalars: how many measures the network takes besides.
    """
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(action="ignore"):
        tf.saved_model.save(module := _frozen(network, 1, shape, scalars), folder, signatures={SIGNATURE: module.serve})
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        converter.optimizations = [tf.lite.Optimize.DEFAULT] if int8 else []
        return compact.litert(converter.convert())


def litert_features(
    network: FeatureNetwork, batches: Iterable[Pixels], *, int8: bool = False
) -> npt.NDArray[np.float32]:
    """Features as a LiteRT file gives them: batches of photos x tiles x side x side x 3 to photos x tiles x features."""
    from ai_edge_litert.interpreter import Interpreter

    rows: list[npt.NDArray[np.float32]] = []
    run = None
    for batch in batches:
        if run is None:
            file = to_litert(as_served(network), batch.shape[1:], int8=int8)
            run = Interpreter(model_content=file, num_threads=1).get_signature_runner(SIGNATURE)
        rows += [run(tiles=photo[None])["features"].copy() for photo in batch]
    return np.concatenate(rows)


def _write_saved_model(network: QualityNetwork, shape: Sequence[int], path: Path, scalars: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    module = _frozen(network.__call__, None, shape, scalars)
    tf.saved_model.save(module, str(path), signatures={SIGNATURE: module.serve})


def _frozen(network: Network, photos: int | None, shape: Sequence[int], scalars: int) -> tf.Module:
    """A module whose `serve` is the network with its variables made constants, which the converter folds."""
    given = [tf.TensorSpec((photos, *shape), tf.uint8, name="tiles")]
    if scalars:
        given.append(tf.TensorSpec((photos, scalars), tf.float32, name="scalars"))
    concrete = tf.function(network, input_signature=given).get_concrete_function()
    names = sorted(concrete.structured_outputs)
    constant = convert_variables_to_constants_v2(concrete)
    graph = compact.graph(constant.graph.as_graph_def())
    inputs, outputs = ([tensor.name for tensor in side] for side in (constant.inputs, constant.outputs))

    def imported(*values: tf.Tensor) -> dict[str, tf.Tensor]:
        fed = {name.partition(":")[0]: value for name, value in zip(inputs, values, strict=True)}
        return dict(zip(names, tf.graph_util.import_graph_def(graph, fed, outputs), strict=True))

    module = tf.Module()
    # Named arguments make the names of the signature's inputs.
    module.serve = tf.function(
        (lambda tiles, scalars: imported(tiles, scalars)) if scalars else (lambda tiles: imported(tiles)),
        input_signature=given,
    )
    return module
