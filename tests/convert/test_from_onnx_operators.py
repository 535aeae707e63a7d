"""The ONNX project's own tests of its operators: each is answered as it says, or refused by name.

They come inside the onnx package. The first input of each, and then the second, is taken as the data, and the others
as constants; of several outputs, the first.
"""

import warnings
from collections import Counter
from functools import cache
from typing import Any

import numpy as np
import onnx
import onnx.numpy_helper
import pytest

import forwardpass as fp
from forwardpass.error_bound import agreement_bound
from tests.support import Array

# How many there are to pass in onnx 1.23; BatchNormalization has none of two dimensions, Where and Concat none of ours.
PASSED = {
    "Add": 1, "Celu": 3, "Clip": 8, "Div": 2, "Dropout": 6, "Elu": 3, "Flatten": 3, "Gelu": 4, "Gemm": 8,
    "HardSigmoid": 3, "HardSwish": 1, "Identity": 2, "LayerNormalization": 7, "LeakyRelu": 3, "LogSoftmax": 5,
    "MatMul": 1, "Max": 8, "Min": 8, "Mish": 1, "Mul": 3, "RMSNormalization": 7, "Relu": 1, "Reshape": 1, "Selu": 3,
    "Sigmoid": 2, "Softmax": 5, "Softplus": 2, "Softsign": 2, "Sub": 3, "Swish": 1, "Tanh": 2, "Transpose": 1,
}  # fmt: skip
REFUSED = (
    *("BatchNormalization", "CastLike", "Concat", "Where"),
    *("Abs", "Conv", "Erf", "PRelu", "Shrink", "ThresholdedRelu"),
)
GATHERING = ("Flatten", "Reshape", "Squeeze", "Unsqueeze")
NAMED = ("node ", "the input ", "the model ", "the output ", "the value ", "the initializer ")


@cache
def cases() -> list[Any]:
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found: list[Any] = collect_testcases(None)
    return found


def operator(case: Any) -> str:
    """The one operator, or "several" where one is written out in others."""
    nodes = case.model.graph.node
    return str(nodes[0].op_type) if len(nodes) == 1 else "several"


def array(value: Any) -> Any:
    return onnx.numpy_helper.to_array(value) if isinstance(value, onnx.TensorProto) else value


def variants(case: Any) -> list[tuple[Any, Any, Any]]:
    """Models of one input, with the input and the output to expect."""
    made = []
    inputs, outputs = case.data_sets[0]
    for data in range(min(2, len(inputs))):
        if any(not isinstance(array(value), (np.ndarray, np.generic)) for value in inputs):
            continue  # sequences and optional values
        model = onnx.ModelProto()
        model.CopyFrom(case.model)
        del model.graph.input[:], model.graph.output[1:]
        for index, (info, value) in enumerate(zip(case.model.graph.input, inputs, strict=True)):
            if index == data:
                model.graph.input.append(info)
            else:
                model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(array(value)), info.name))
        made.append((model, array(inputs[data]), array(outputs[0])))
    return made


def passes(model: Any, x: Array, expected: Array) -> bool:
    try:
        net = fp.from_onnx(model)
    except fp.ConversionError as refusal:
        if not str(refusal).startswith(NAMED):
            raise
        return False
    kind = expected.dtype
    if "bfloat16" in (kind.name, x.dtype.name):  # which NumPy does not have
        x, expected = x.astype(np.float32), expected.astype(np.float32)
    y, bound = net(x), agreement_bound(net, x)
    if any(node.op_type in GATHERING for node in model.graph.node):  # the network keeps the dimensions of rows
        y, bound = y.reshape(expected.shape), bound.reshape(expected.shape)
    if kind == np.float16:  # computed in float32
        with np.errstate(all="ignore"):
            bound = bound + np.spacing(np.abs(expected)) / 2
    elif kind.name == "bfloat16":
        bound = bound + np.abs(expected) * 2.0**-8
    else:
        assert y.dtype == expected.dtype
    assert y.shape == expected.shape
    assert (np.isnan(y) == np.isnan(expected)).all()
    with np.errstate(all="ignore"):
        error = np.abs(y.astype(np.float64) - expected)
    assert (error[np.isfinite(error)] <= bound[np.isfinite(error)]).all()
    return True


@cache
def counts() -> tuple[Counter[str], Counter[str]]:
    """How many pass, and how many are refused, for each operator."""
    passed: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for case in cases():
        for model, x, expected in variants(case):
            (passed if passes(model, x, expected) else refused)[operator(case)] += 1
    return passed, refused


def test_each_passes_or_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    passed, refused = counts()
    with capsys.disabled():
        known = sorted({*PASSED, *REFUSED[:4]})
        print("\nONNX's own node tests, passed + refused by name:")
        print(", ".join(f"{name} {passed[name]} + {refused[name]}" for name in known))
        rest = sum(refused.values()) - sum(refused[name] for name in known)
        print(f"together {sum(passed.values())} + {sum(refused.values())}, {rest} of these of other operators")


@pytest.mark.parametrize("name", PASSED)
def test_as_many_pass_as_ever(name: str) -> None:
    assert counts()[0][name] >= PASSED[name]


@pytest.mark.parametrize("name", REFUSED)
def test_these_are_refused(name: str) -> None:
    passed, refused = counts()
    assert not passed[name]
    assert refused[name]
