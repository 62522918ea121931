import numpy as np
import pytest
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from models.precision import lowered
from models.scorer import load
from pipelines.cli import main
from transforms.errors import UserError

NEAR = {"bfloat16": 4.0, "float16": 0.5}
"""Points by which a score may lie from that of float32: bfloat16 has 8 digits of two, float16 has 11."""
CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative")


@pytest.fixture(scope="module")
def graph():
    serve = load(form="savedmodel")._serve
    return convert_variables_to_constants_v2(serve).graph.as_graph_def()


@pytest.mark.parametrize("precision", NEAR)
def test_scores_stay_near_those_of_float32_alone_and_in_a_batch(precision, tiles):
    whole, low = load(form="savedmodel"), load(form="savedmodel", precision=precision)
    before, after = (np.array([p.score for p in model.score(tiles, [{}] * len(tiles))]) for model in (whole, low))
    assert 0 < np.abs(before - after).max() <= NEAR[precision]
    assert low.score(tiles[:1], [{}])[0].score == pytest.approx(after[0], abs=0.5)
    assert low.version == whole.version and low.form == f"savedmodel-{precision}"


@pytest.mark.parametrize("kind", [tf.bfloat16, tf.float16])
def test_all_convolutions_are_lowered_and_no_head_is(graph, kind):
    types = [(node.op, node.attr["T"].type) for node in lowered(graph, kind).node if "T" in node.attr]
    low = {op for op, type_ in types if type_ == kind.as_datatype_enum}
    assert {type_ for op, type_ in types if op in CONVOLUTIONS} == {kind.as_datatype_enum}
    assert low & set(CONVOLUTIONS) and not low & {
        "MatMul",
        "BatchMatMulV2",
        "Exp",
        "Mean",
        "Sum",
        "Softplus",
        "Sigmoid",
    }
    assert {"Relu6", "BiasAdd"} & low or {"Relu6", "AddV2"} & low


def test_few_casts_are_between_the_convolutions(graph):
    # One in for the pixels, one for each constant, one out for each stage's map: not two about each operation.
    before, after = (len([n for n in g.node if n.op == "Cast"]) for g in (graph, lowered(graph, tf.bfloat16)))
    convolutions = len([node for node in graph.node if node.op in CONVOLUTIONS])
    assert after - before <= 2 * convolutions + 12


def test_a_precision_that_is_none_or_of_another_form_is_refused_in_a_sentence(capsys):
    with pytest.raises(UserError, match="no such precision: int4"):
        load(precision="int4")
    with pytest.raises(UserError, match="for savedmodel or auto"):
        load(form="int8", precision="float16")
    assert load(form="int8").form == "int8"
    assert main(["check", "samples/red-jacket.jpg", "--model-precision", "half"]) == 2
    assert "no such precision: half" in capsys.readouterr().err
