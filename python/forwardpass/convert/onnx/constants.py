"""What is known before any input comes: initializers, Constant nodes, and what is computed from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...limits import FAILURES, Budget
from ..errors import ConversionError
from .external import EXTERNAL, ExternalData
from .node import Node
from .operator import Operator
from .wire import DOUBLE_DATA, FLOAT_DATA, RAW_DATA, Values

Array = NDArray[Any]

# ONNX's numbers of float32, int32, int64, bool, float16, float64, bfloat16.
TYPES = {1: "float32", 6: "int32", 7: "int64", 9: "bool", 10: "float16", 11: "float64", 16: "bfloat16"}
TENSOR = 4  # AttributeProto.TENSOR
# A constant is a cast, transposed, reshaped initializer at the most, or a variance made a factor.
LONGEST_WAY = 32


def widened(array: Array) -> Array:
    """Halves as float32, exactly; what has another type as it is."""
    return array.astype(np.float32) if array.dtype.name in ("float16", "bfloat16") else array


class Constants:
    """Values by name, read or computed when they are asked for.

    Parameters
    ----------
    tensors : dict of str to tuple
        The initializers: of each, the onnx.TensorProto and where its values lie.
    producers : dict of str to Node
        May grow later.
    operators : dict of str to Operator
        How constants are computed from others.
    budget : Budget
        Counts what is computed.
    external : ExternalData
        Reads what lies beside the model.
    """

    def __init__(
        self,
        tensors: dict[str, tuple[Any, Values]],
        producers: dict[str, Node],
        operators: Mapping[str, Operator],
        budget: Budget,
        external: ExternalData,
    ) -> None:
        self._tensors = tensors
        self._operators = operators
        self._producers = producers
        self._budget, self._external = budget, external
        self._arrays: dict[str, Array | None] = {}

    def get(self, name: str) -> Array | None:
        """The value, not to be written to; None for what depends on the input.

        Raises
        ------
        ConversionError
            A tensor that is damaged, or of another type than floats, integers and bool.
        """
        return self._get(name, 0)

    def known(self, name: str) -> Array | None:
        """The value, if it has been asked for before; nothing is read or computed."""
        return self._arrays.get(name)

    def scalar(self, name: str) -> float | None:
        """The value of a constant float that is a single one for all features, or None."""
        array = self.get(name)
        if array is None or array.size != 1 or array.ndim > 1 or array.dtype.kind in "ib":
            return None
        return float(array.astype(np.float64).reshape(()))

    def type_of(self, node: Node) -> int:
        """ONNX's number of the element type of a Constant node, 0 where it is not supported."""
        for attribute in node.proto.attribute:
            if attribute.name == "value" and attribute.type == TENSOR:
                return int(attribute.t.data_type)
            return {"value_float": 1, "value_floats": 1, "value_int": 7, "value_ints": 7}.get(attribute.name, 0)
        return 0

    def _get(self, name: str, way: int) -> Array | None:
        if name not in self._arrays:
            if name in self._tensors:
                self._arrays[name] = self._array(*self._tensors[name], f"the initializer {name[:100]!r}")
            else:
                node = self._producers.get(name)
                self._arrays[name] = None if node is None else self._computed(node, way)
        return self._arrays[name]

    def _computed(self, node: Node, way: int) -> Array | None:
        if node.operator == "Constant":
            return self._constant(node)
        known = self._operators.get(node.operator)
        if known is None or known.fold is None or way >= LONGEST_WAY:
            return None
        given = [self._get(name, way + 1) for name in node.inputs]
        arrays = [array for array in given if array is not None]
        if len(arrays) < len(given) or not arrays:
            return None
        try:
            with np.errstate(all="ignore"):
                result: Array = known.fold(node, *arrays)
        except (ValueError, TypeError, IndexError) as error:
            raise node.refusal(str(error)[:200]) from error
        if result.size > max(array.size for array in arrays):
            raise node.refusal("a constant that grows by broadcasting is not supported")
        if not any(np.may_share_memory(result, array) for array in arrays):
            self._budget.take(result.nbytes, node.where)
        return result

    def _constant(self, node: Node) -> Array:
        if len(node.proto.attribute) != 1:
            raise node.refusal(f"expected one attribute, got {len(node.proto.attribute)}")
        attribute = node.proto.attribute[0]
        match attribute.name:
            case "value" if attribute.type == TENSOR:
                return self._array(attribute.t, {}, node.where)
            case "value_float":
                return np.array(attribute.f, np.float32)
            case "value_floats":
                return np.array(attribute.floats, np.float32)
            case "value_int":
                return np.array(attribute.i, np.int64)
            case "value_ints":
                return np.array(attribute.ints, np.int64)
        raise node.refusal(f"its attribute {attribute.name[:100]!r} is not supported")

    def _array(self, tensor: Any, values: Values, where: str) -> Array:
        kind = tensor.data_type
        if kind not in TYPES:
            raise ConversionError(f"{where}: ONNX's element type {kind} is not supported")
        shape = tuple(tensor.dims)
        if any(size < 0 for size in shape):
            raise ConversionError(f"{where}: expected sizes of at least 0, got {shape}")
        if tensor.data_location == EXTERNAL or tensor.external_data:
            values = {RAW_DATA: self._external.values(tensor, _dtype(kind).itemsize, where)}
        try:
            array = _flat(tensor, values)
            if array.size != math.prod(shape):
                raise ValueError(f"{array.size} values for the shape {shape}")
            return array.reshape(shape)
        except FAILURES as error:
            raise ConversionError(f"{where}: damaged: {str(error)[:200]}") from error


def _flat(tensor: Any, values: Values) -> Array:
    """The values in turn: where they lie in the file, or as protobuf has them."""
    dtype = _dtype(tensor.data_type)
    stored = dtype.newbyteorder("<")  # of the file; a no-operation on all common CPUs
    if RAW_DATA in values or tensor.HasField("raw_data"):
        return _native(np.frombuffer(values.get(RAW_DATA, tensor.raw_data), stored))
    number = {"float32": FLOAT_DATA, "float64": DOUBLE_DATA}.get(dtype.name, 0)
    if number in values:
        return _native(np.frombuffer(values[number], stored))
    field = {FLOAT_DATA: "float_data", DOUBLE_DATA: "double_data"}.get(number, "int32_data")
    given = getattr(tensor, "int64_data" if dtype.name == "int64" else field)
    if dtype.name in ("float16", "bfloat16"):  # their bits
        return np.fromiter(given, np.uint16, len(given)).view(dtype)
    return np.fromiter(given, dtype, len(given))


def _dtype(kind: int) -> np.dtype[Any]:
    import onnx

    dtype: np.dtype[Any] = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind))
    return dtype


def _native(array: Array) -> Array:
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))
