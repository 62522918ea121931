import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from models import compact
from models.export import SIGNATURE, litert_features, quantized, to_litert
from models.network import as_served, features_of
from models.quantized import normalized, ranges_of
from models.rounding import eighth
from models.scorer import digest

SIDE = 32


@pytest.fixture(scope="module")
def network(small_network):
    return small_network()


@pytest.fixture(scope="module")
def shown(patches):
    return patches(12)


@pytest.fixture(scope="module")
def ranges(network, shown):
    return ranges_of(network.backbone, list(shown[:8]))


def test_a_range_holds_zero_and_all_that_was_seen(network, shown, ranges):
    for low, high in ranges.values():
        assert low <= 0 <= high
    final = network.backbone(normalized(shown[0]), training=False)[-1].numpy()
    low, high = ranges["add6"]
    assert low <= final.min() * 0.99 and final.max() * 0.99 <= high


def test_int8_features_follow_the_float_ones(network, shown, ranges):
    whole = features_of(network, [shown])
    rounded = litert_features(quantized(network, ranges), [shown], int8=True)
    assert rounded.shape == whole.shape
    spread = whole.std(axis=(0, 1)) + 1e-3
    assert np.mean(np.abs(rounded - whole) / spread) < 0.1
    assert not np.array_equal(rounded, whole)


def test_the_convolutions_are_int8_and_the_features_float(network, shown, ranges):
    file = to_litert(as_served(quantized(network, ranges)), shown.shape[1:], int8=True)
    interpreter = Interpreter(model_content=file)
    interpreter.allocate_tensors()
    kinds = {detail["index"]: detail["dtype"] for detail in interpreter.get_tensor_details()}
    operations = [
        (op["op_name"], kinds[op["outputs"][0]]) for op in interpreter._get_ops_details() if len(op["outputs"])
    ]
    trunk = [kind for name, kind in operations if name in ("CONV_2D", "DEPTHWISE_CONV_2D")]
    assert len(trunk) == 15 and set(trunk) == {np.int8}
    assert {kind for name, kind in operations if name in ("MEAN", "SQRT")} == {np.float32}
    assert interpreter.get_signature_runner(SIGNATURE).get_output_details()["features"]["dtype"] == np.float32


def test_the_same_network_and_ranges_give_the_same_file(network, shown, ranges, tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(to_litert(as_served(quantized(network, ranges)), shown.shape[1:], int8=True))
    assert digest(tmp_path / "a") == digest(tmp_path / "b")


def test_a_compact_file_computes_the_same_from_fewer_bytes():
    rng = np.random.default_rng(3)
    steps, halves, odd = (rng.normal(size=(64, 64)).astype(np.float32) for _ in range(3))
    steps, halves = eighth(steps, 1), halves.astype(np.float16).astype(np.float32)

    @tf.function(input_signature=[tf.TensorSpec((1, 64), tf.float32)])
    def product(x):
        return {"y": tf.matmul(tf.matmul(tf.matmul(x, steps), halves), odd)}

    module = tf.Module()
    module.product = product
    whole = tf.lite.TFLiteConverter.from_concrete_functions([product.get_concrete_function()], module).convert()
    small = compact.litert(whole)
    assert len(small) < 0.72 * len(whole)
    x = rng.normal(size=(1, 64)).astype(np.float32)
    results = [_run(file, x) for file in (whole, small)]
    assert np.allclose(*results, rtol=1e-5, atol=1e-4)


def _run(file, x):
    interpreter = Interpreter(model_content=file)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
    interpreter.invoke()
    return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
