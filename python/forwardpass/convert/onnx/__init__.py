"""Networks in ONNX: chains of layers, with residual blocks among them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ... import nn
from ...environment import undisturbed
from ...limits import MAX_BYTES
from ..errors import ConversionError, refusal
from ..labelled import labelled
from ..verification import ANY_WIDTH, rows_for, verify
from .layers import COMPARED, LARGEST_WIDTH, Builder
from .operators import OPERATORS
from .reading import DOUBLE, Graph, content_of
from .running import runner
from .steps import Step, chain, run


@undisturbed
def from_onnx(
    source: str | os.PathLike[str] | Any,
    *,
    classes: ArrayLike | None = None,
    max_bytes: int = MAX_BYTES,
    verbose: bool = True,
) -> nn.Sequential:
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
    classes : array_like, optional
        Labels of the outputs: the network is a `Classifier` then, which predicts them.
    max_bytes : int
        A larger file is refused.
    verbose : bool
        Print the line about the comparison.

    Returns
    -------
    Sequential, with classes a Classifier
        For x of shape (..., in_features). Where the model flattens inputs of more dimensions, rows are what it
        makes of them: (rows, channels * height * width).

    Raises
    ------
    ConversionError
        A ValueError: a node that is not supported, named; a file that is damaged or too large; or answers that differ
        by more than rounding explains.
    ImportError
        The onnx library is not installed.
    OSError
        A file that cannot be read.
    TypeError
        Neither a path nor a model.
    ValueError, TypeError
        Classes that a Classifier refuses.

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
    from_onnx: 72 rows agree with ONNX, ...
    >>> net
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=False)
      (1): Tanh()
    )
    """
    try:
        graph = Graph(content_of(source, max_bytes), max_bytes, OPERATORS)
        with np.errstate(all="ignore"):  # a constant may be a signalling NaN
            return labelled(_converted(graph, chain(graph, graph.output, graph.input), verbose), classes)
    except UnicodeDecodeError as error:
        raise refusal(source, f"not an ONNX model: a name in it is not UTF-8: {error}") from error
    except ConversionError as error:
        raise refusal(source, str(error)) from error.__cause__
    except MemoryError as error:
        raise refusal(source, "takes more memory than there is") from error


def _converted(graph: Graph, steps: list[Step], verbose: bool) -> nn.Sequential:
    """The network of all steps, verified."""
    dtype = np.dtype(np.float64 if graph.types[graph.output] == DOUBLE else np.float32)
    flattened = len(graph.dims) > 2 and any(step.node.op in ("Flatten", "Reshape") for step in steps)
    builder = Builder(list(graph.dims), dtype, graph.budget, flattened)
    width = builder.width
    if width is not None and width > LARGEST_WIDTH:
        raise ConversionError(
            f"the input {graph.input[:100]!r}: expected at most {LARGEST_WIDTH} features, got {width}"
        )
    run(steps, builder)
    if builder.columns:
        raise ConversionError("the output of the model is transposed: features are not in its last dimension")
    # What comes before the node that flattens is the same for all features, so that x may be flattened before it.
    flat = [nn.Flatten()] if flattened else []
    net, cast = nn.Sequential(*flat, *builder.layers()), builder.cast
    # They hold the weights that were float16.
    del builder
    steps.clear()
    if cast is not None and net.dtype is None:
        raise cast.refusal("a cast is supported only to the type of weights, and there are none")
    width = net.in_features or width or ANY_WIDTH
    graph.budget.take(width * COMPARED, f"the input {graph.input[:100]!r}")
    run_source, more = runner(graph, width, flattened), _typical(net, width)
    verify(net, run_source, width, importer="from_onnx", source="ONNX", more=more, verbose=verbose)
    return net


def _typical(net: nn.Sequential, width: int) -> Iterator[NDArray[Any]]:
    """Rows that scalers at the front make ordinary ones: all others they may make one and the same."""
    layers = itertools.dropwhile(lambda layer: isinstance(layer, nn.Flatten), net)
    scalers = list(itertools.takewhile(lambda layer: isinstance(layer, (nn.Affine, nn.Normalize)), layers))
    if not scalers:
        return
    rows: NDArray[Any] = rows_for(width, np.dtype(np.float64), 4 * width)
    with np.errstate(all="ignore"):
        for layer in reversed(scalers):
            if isinstance(layer, nn.Normalize):
                rows = rows * layer.std + layer.mean
            elif isinstance(layer, nn.Affine):
                rows = (rows - layer.offset) / layer.scale
    yield rows[np.isfinite(rows).all(axis=1)]
