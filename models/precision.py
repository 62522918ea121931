"""Mixed precision: the convolutions of a frozen graph in 16 bits, what stands on them in float32.

A GPU's tensor units multiply 16-bit floats several times as fast as 32-bit ones. Pooling and heads stay as they are: sums over a
tile's pixels and distances to training photos need the digits.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

_CONVOLUTIONS = frozenset({"Conv2D", "DepthwiseConv2dNative"})
_BETWEEN = frozenset({"BiasAdd", "Add", "AddV2", "Mul", "Relu", "Relu6", "Pad", "Identity"})
"""What may lie between two convolutions and is as well done in 16 bits; alone it is left in float32."""

GraphDef: Any = tf.compat.v1.GraphDef


def lowered(graph: Any, kind: tf.DType) -> Any:
    """A graph whose convolutions, and what lies between them, are of `kind`; inputs and outputs keep their types.

    Args:
        graph: frozen and flat: without variables and functions.
        kind: bfloat16 or float16.
    """
    low = _lowered_names(graph)
    result = GraphDef(versions=graph.versions)
    types = {True: kind.as_datatype_enum, False: tf.float32.as_datatype_enum}
    cast: dict[tuple[str, bool], str] = {}
    for node in graph.node:
        made = GraphDef().node.add()
        made.CopyFrom(node)
        for place, name in enumerate(node.input):
            if name.startswith("^") or (_producer(name) in low) == (node.name in low):
                continue
            if node.op == "Pad" and place > 0:  # how much, not what
                continue
            key = (name, node.name in low)
            if key not in cast:
                cast[key] = f"{name.replace(':', '_')}/{'lowered' if key[1] else 'raised'}"
                attributes = {"SrcT": types[not key[1]], "DstT": types[key[1]]}
                extra = result.node.add(name=cast[key], op="Cast", input=[name])
                for attribute, value in attributes.items():
                    extra.attr[attribute].type = value
            made.input[place] = cast[key]
        if node.name in low:
            made.attr["T"].type = types[True]
        result.node.add().CopyFrom(made)
    return result


def _lowered_names(graph: Any) -> set[str]:
    """The convolutions, and what takes nothing but their results and constants on the way to other ones."""
    constant = _reached(graph, {node.name for node in graph.node if node.op == "Const"}, lambda node, known: True)

    def between(node: tf.compat.v1.NodeDef, known: set[str]) -> bool:
        fed = any(_producer(name) in known - constant for name in node.input)
        return node.op in _BETWEEN and node.attr["T"].type == tf.float32.as_datatype_enum and fed

    convolutions = {node.name for node in graph.node if node.op in _CONVOLUTIONS}
    return _reached(graph, convolutions | constant, between) - constant


def _reached(graph: Any, known: set[str], joins: Callable[[tf.compat.v1.NodeDef, set[str]], bool]) -> set[str]:
    """The names known and those of nodes that have only known inputs and may join them, until there are no more."""
    while True:
        more = {
            node.name
            for node in graph.node
            if node.name not in known
            and node.input
            and all(_producer(name) in known for name in node.input)
            and joins(node, known)
        }
        if not more:
            return known
        known = known | more


def _producer(name: str) -> str:
    return name.removeprefix("^").partition(":")[0]


def lowered_function(concrete: Any, kind: tf.DType) -> Callable[..., dict[str, tf.Tensor]]:
    """A loaded signature, its convolutions in 16 bits: the same named inputs and outputs.

    Args:
        concrete: the signature of a SavedModel.
        kind: bfloat16 or float16.
    """
    names = sorted(concrete.structured_outputs)
    frozen = convert_variables_to_constants_v2(concrete)
    outputs = {tensor.name: name for name, tensor in zip(names, frozen.outputs, strict=True)}
    graph = lowered(frozen.graph.as_graph_def(), kind)
    given = [tensor.name.partition(":")[0] for tensor in frozen.inputs]

    def run(*values: tf.Tensor) -> dict[str, tf.Tensor]:
        found = tf.graph_util.import_graph_def(graph, dict(zip(given, values, strict=True)), list(outputs))
        return dict(zip(outputs.values(), found, strict=True))

    compiled = tf.function(run, input_signature=[tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in frozen.inputs])
    return lambda **named: compiled(*(named[name] for name in given))
