"""Networks in ONNX: chains of layers, with residual blocks among them."""

from __future__ import annotations

import itertools
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ... import nn
from ..errors import ConversionError
from ..verification import rows_for, verify
from .layers import LARGEST_WIDTH, Builder
from .reading import DOUBLE, Graph, model_of
from .running import runner
from .steps import Step, chain, run

# Of a network that takes rows of any width, the width that it is verified with.
ANY_WIDTH = 7
SPARE = 64 << 20  # bytes of weights beside four times the model's: float16 becomes float32, and one may be used twice


def from_onnx(source: str | os.PathLike[str] | Any) -> nn.Sequential:
    """The network of an ONNX model: a chain of layers, with residual blocks among them.

    Models as torch.onnx.export(), skl2onnx and Keras's model.export() write them. The answers of ONNX's own
    ReferenceEvaluator are compared with the network's, and the result of it is printed and kept as
    ``net.verification``. Needs the onnx library: ``pip install onnx``.

    Parameters
    ----------
    source : path, onnx.ModelProto, or what torch.onnx.export(..., dynamo=True) returns
        One input of floats and one output; of a classifier's label and probabilities, the probabilities. Weights in
        float32 and float64 stay what they are; float16 and bfloat16 become float32, which is exact. All data is in
        the file: no other one is opened.

    Returns
    -------
    Sequential
        For x of shape (..., in_features). Where the model flattens inputs of more dimensions, rows are what it
        makes of them: (rows, channels * height * width).

    Raises
    ------
    ConversionError
        A ValueError: a node that is not supported, named; a damaged file; or answers that differ by more than
        rounding explains.
    ImportError
        The onnx library is not installed.
    OSError
        A file that cannot be read.
    TypeError
        Neither a path nor a model.

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> import onnx
    >>> model = onnx.parser.parse_model('''
    ...     <ir_version: 10, opset_import: ["": 21]>
    ...     agraph (float[N, 2] x) => (float[N, 3] y)
    ...     <float[3, 2] weight = {1, 0, 0, 1, 1, 1}> { h = Gemm <transB = 1> (x, weight)  y = Tanh(h) }
    ... ''')
    >>> net = fp.from_onnx(model)  # doctest: +ELLIPSIS
    ONNX: 72 rows agree; largest error ...
    >>> net
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=False)
      (1): Tanh()
    )
    """
    model = model_of(source)
    try:
        graph = Graph(model)
        with np.errstate(all="ignore"):  # a constant may be a signalling NaN
            return _converted(model, graph, chain(graph, graph.output, graph.input))
    except UnicodeDecodeError as error:
        raise ConversionError(f"not an ONNX model: a name in it is not UTF-8: {error}") from error


def _converted(model: Any, graph: Graph, steps: list[Step]) -> nn.Sequential:
    """The network of all steps, verified."""
    dtype = np.dtype(np.float64 if graph.types[graph.output] == DOUBLE else np.float32)
    flattened = len(graph.dims) > 2 and any(step.node.op in ("Flatten", "Reshape") for step in steps)
    builder = Builder(list(graph.dims), dtype, [4 * model.ByteSize() + SPARE], flattened)
    width = builder.width
    run(steps, builder)
    if builder.columns:
        raise ConversionError("the output of the model is transposed: features are not in its last dimension")
    net = nn.Sequential(*builder.layers())
    if builder.cast is not None and net.dtype is None:
        raise builder.cast.refusal("a cast is supported only to the type of weights, and there are none")
    width = net.in_features or width or ANY_WIDTH
    if width > LARGEST_WIDTH:
        raise ConversionError(
            f"the input {graph.input[:100]!r}: expected at most {LARGEST_WIDTH} features, got {width}"
        )
    verify(net, runner(model, graph, width, flattened), width, source="ONNX", more=_typical(net, width))
    return net


def _typical(net: nn.Sequential, width: int) -> NDArray[Any] | None:
    """Rows that scalers at the front make ordinary ones: all others they may make one and the same."""
    rows: NDArray[Any] = rows_for(width, np.dtype(np.float64))
    scalers = list(itertools.takewhile(lambda layer: isinstance(layer, (nn.Affine, nn.Normalize)), net))
    with np.errstate(all="ignore"):
        for layer in reversed(scalers):
            if isinstance(layer, nn.Normalize):
                rows = rows * layer._arrays["std"] + layer._arrays["mean"]
            elif isinstance(layer, nn.Affine):
                rows = (rows - layer._arrays["offset"]) / layer._arrays["scale"]
    return rows[np.isfinite(rows).all(axis=1)] if scalers else None
