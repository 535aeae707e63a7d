"""Networks in ONNX: chains of layers, with residual blocks among them."""

from __future__ import annotations

import contextlib
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
from .content import content_of
from .layers import COMPARED, LARGEST_WIDTH, Builder
from .operators import OPERATORS
from .reading import DOUBLE, Graph
from .running import runner
from .shapes import flattens
from .steps import Step, chain, run


@undisturbed
def from_onnx(
    source: str | os.PathLike[str] | Any,
    *,
    output: str | None = None,
    classes: ArrayLike | None = None,
    max_bytes: int = MAX_BYTES,
    verbose: bool = True,
) -> nn.Sequential:
    """The network of an ONNX model: a chain of layers, with residual blocks among them.

    Its answers are compared with those of ONNX's own ReferenceEvaluator: ``net.verification``, and a line that is
    printed. Needs the onnx library: ``pip install onnx``. docs/from_onnx.md says what is supported.

    Parameters
    ----------
    source : path, onnx.ModelProto, or what torch.onnx.export(..., dynamo=True) returns
        One input of float16, bfloat16, float32 or float64. Values may lie in a file beside that of a path.
    output : str, optional
        The name of the output that the network gives, or of any value in the model, where there are several.
    classes : array_like, optional
        Labels of the outputs: the network is a `Classifier` then, which predicts them.
    max_bytes : int
        A model whose files have more bytes is refused.
    verbose : bool
        Print the line about the comparison.

    Returns
    -------
    Sequential, with classes a Classifier
        For x of shape (..., in_features), in float64 where the weights are, otherwise in float32.

    Raises
    ------
    ConversionError
        A ValueError: a node that is not supported, a damaged file, or answers that differ.
    ImportError, OSError, TypeError, ValueError
        No onnx library; an unreadable file; a source that is neither path nor model; classes that a Classifier refuses.

    Examples
    --------
    >>> import forwardpass as fp, onnx
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
    if output is not None and not isinstance(output, str):
        raise TypeError(f"output: expected the name of an output, got {type(output).__name__}")
    with _refusals_of(source), np.errstate(all="ignore"):  # a constant may be a signalling NaN
        graph = Graph(content_of(source, max_bytes), max_bytes, OPERATORS, output)
        return labelled(_converted(graph, chain(graph, graph.output, graph.input), verbose), classes)


@contextlib.contextmanager
def _refusals_of(source: Any) -> Iterator[None]:
    """Every fault of a model as a ConversionError that names its file."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise refusal(source, f"not an ONNX model: a name in it is not UTF-8: {error}") from error
    except ConversionError as error:
        raise refusal(source, str(error)) from error.__cause__
    except MemoryError as error:
        raise refusal(source, "takes more memory than there is") from error


def _converted(graph: Graph, steps: list[Step], verbose: bool) -> nn.Sequential:
    """The network of all steps, verified."""
    # What a last cast makes wider was computed before it.
    last = steps[-1].base if steps and steps[-1].node.op == "Cast" else graph.input
    computed = graph.output if last == graph.input else last
    dtype = np.dtype(np.float64 if graph.types[computed] == DOUBLE else np.float32)
    flattened = len(graph.dims) > 2 and any(flattens(graph, step.node, list(graph.dims)) for step in steps)
    builder = Builder(list(graph.dims), dtype, graph.budget, flattened)
    width = builder.width
    if width is not None and width > LARGEST_WIDTH:
        raise ConversionError(
            f"the input {graph.input[:100]!r}: expected at most {LARGEST_WIDTH} features, got {width}"
        )
    run(steps, builder)
    if builder.columns:
        raise ConversionError("the output of the model is transposed: features are not in its last dimension")
    # What comes before the node that flattens is one function for each feature, so that x may be flattened before it.
    flat = [nn.Flatten()] if flattened else []
    net, cast = nn.Sequential(*flat, *builder.layers()), builder.cast
    source = runner(graph, builder, flattened)
    ends = [nn.Squeeze()] if builder.squeezed else []
    # They hold the weights that were float16.
    del builder
    steps.clear()
    if cast is not None and net.dtype is None:
        raise cast.refusal("a cast is supported only to the type of weights, and there are none")
    width = net.in_features or width or ANY_WIDTH
    graph.budget.take(width * COMPARED, f"the input {graph.input[:100]!r}")
    verify(net, source, width, importer="from_onnx", source="ONNX", more=_typical(net, width), verbose=verbose)
    if not ends:
        return net
    squeezed = nn.Sequential(*net, *ends)
    squeezed.verification = net.verification
    return squeezed


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
