"""Served files at a fraction of their size: constants that int8 steps or half precision hold exactly are kept so.

`graph` does it to a TensorFlow graph, `litert` to a LiteRT file. What is computed stays float32, and is the same.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from models.rounding import half, steps_of

SMALL = 512
"""Constants of fewer numbers stay as they are."""

Steps = tuple[npt.NDArray[np.int8], npt.NDArray[np.float32], int]
"""Whole numbers, each channel's step, and the axis that the channels lie along."""


def graph(whole: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
    """The same graph, with each large constant that can be kept smaller, and restored where it is used."""
    smaller = tf.compat.v1.GraphDef()
    smaller.CopyFrom(whole)
    del smaller.node[:]
    for node in whole.node:
        value: npt.NDArray[Any] = tf.make_ndarray(node.attr["value"].tensor) if node.op == "Const" else np.empty(0)
        if value.dtype != np.float32 or value.size < SMALL:
            smaller.node.add().CopyFrom(node)
        elif found := _steps(value):
            whole_numbers, step, axis = found
            shape = [-1 if place == axis else 1 for place in range(value.ndim)]
            _constant(smaller, f"{node.name}/steps", whole_numbers)
            _constant(smaller, f"{node.name}/step", step.reshape(shape))
            _cast(smaller, f"{node.name}/float", f"{node.name}/steps", tf.int8)
            product = smaller.node.add(op="Mul", name=node.name, input=[f"{node.name}/float", f"{node.name}/step"])
            product.attr["T"].type = tf.float32.as_datatype_enum
        elif np.array_equal(half(value), value):
            _constant(smaller, f"{node.name}/half", value.astype(np.float16))
            _cast(smaller, node.name, f"{node.name}/half", tf.float16)
        else:
            smaller.node.add().CopyFrom(node)
    return smaller


def _constant(to: tf.compat.v1.GraphDef, name: str, value: npt.NDArray[np.generic]) -> None:
    node = to.node.add(op="Const", name=name)
    node.attr["dtype"].type = tf.as_dtype(value.dtype).as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))


def _cast(to: tf.compat.v1.GraphDef, name: str, source: str, kind: tf.DType) -> None:
    node = to.node.add(op="Cast", name=name, input=[source])
    node.attr["SrcT"].type = kind.as_datatype_enum
    node.attr["DstT"].type = tf.float32.as_datatype_enum


def _steps(value: npt.NDArray[np.float32]) -> Steps | None:
    for axis in range(value.ndim):
        if found := steps_of(value, axis):
            return *found, axis
    return None


def litert(file: bytes) -> bytes:
    """The same LiteRT model, with each large float32 constant that can be kept smaller, and a DEQUANTIZE after it."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(file))
    code = len(model.operatorCodes)
    # Version 5 is the first that takes a step for each channel.
    model.operatorCodes.append(_code(schema.BuiltinOperator.DEQUANTIZE, 5))
    for subgraph in model.subgraphs:
        restored = []
        for place in range(len(subgraph.tensors)):
            tensor = subgraph.tensors[place]
            value = _value(model, tensor)
            if value is None or value.size < SMALL or (kept := _kept(model, tensor, value)) is None:
                continue
            subgraph.tensors.append(kept)
            # Buffer 0 is the format's empty one: the tensor is no longer a constant but an operation's result.
            tensor.buffer = 0
            operator = schema.OperatorT()
            operator.opcodeIndex, operator.inputs, operator.outputs = code, [len(subgraph.tensors) - 1], [place]
            restored.append(operator)
        for tensor in subgraph.tensors:
            tensor.name = b""
        subgraph.operators = restored + subgraph.operators
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _code(operator: int, version: int) -> schema.OperatorCodeT:
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = operator
    code.version = version
    return code


def _value(model: schema.ModelT, tensor: schema.TensorT) -> npt.NDArray[np.float32] | None:
    """The numbers of a float32 constant; None for any other tensor."""
    data = model.buffers[tensor.buffer].data
    if tensor.type != schema.TensorType.FLOAT32 or data is None or not len(data):
        return None
    return np.frombuffer(bytes(data), np.float32).reshape(tensor.shape)


def _kept(model: schema.ModelT, tensor: schema.TensorT, value: npt.NDArray[np.float32]) -> schema.TensorT | None:
    """A new constant in the model that holds the same numbers in fewer bytes; None where none does."""
    kept = schema.TensorT()
    kept.name, kept.shape, kept.hasRank = b"", tensor.shape, True
    if found := _steps(value):
        numbers, step, axis = found
        kept.type = schema.TensorType.INT8
        kept.quantization = schema.QuantizationParametersT()
        kept.quantization.scale, kept.quantization.zeroPoint = step, np.zeros(len(step), np.int64)
        kept.quantization.quantizedDimension = axis
        data = numbers.tobytes()
    elif np.array_equal(half(value), value):
        kept.type, data = schema.TensorType.FLOAT16, value.astype(np.float16).tobytes()
    else:
        return None
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(data, np.uint8)
    model.buffers.append(buffer)
    model.buffers[tensor.buffer].data = None
    kept.buffer = len(model.buffers) - 1
    return kept
