"""tools/orders.py measures for docs/numerics.md: its orders are the library's own, and the one before."""

import importlib.util
import json
from types import ModuleType

import numpy as np
import pytest

import forwardpass as fp
from forwardpass import files
from tests import ROOT
from tests.support import FMA_V1, normal, same_bits

SCRIPT = ROOT / "tools/orders.py"

pytestmark = pytest.mark.skipif(not SCRIPT.exists(), reason="the tools are not beside the tests")


@pytest.fixture
def orders() -> ModuleType:
    spec = importlib.util.spec_from_file_location("orders", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("depth", [1, 5, 128, 129, 300, 4100])
def test_the_order_of_today(depth: int, orders: ModuleType) -> None:
    x, w = normal(1, (depth,), np.float32), normal(2, (9, depth), np.float32)
    assert same_bits(orders.fma_v2(x, w), fp.linear(x, w))


@pytest.mark.filterwarnings("ignore:.*it was saved in the order of:UserWarning")
def test_the_order_before(orders: ModuleType) -> None:
    """Its answer, bit for bit, is what a library of that order has saved."""
    path = FMA_V1
    net = fp.load(path)
    assert isinstance(net, fp.Sequential)
    first, _, last = net
    assert isinstance(first, fp.Linear)
    assert isinstance(last, fp.Linear)
    with np.load(path) as file:
        text = json.loads(file["forwardpass"].tobytes())
    x = files.arch.test_input(text["architecture"], "float32")
    hidden = fp.relu(orders.fma_v1(x, first.weight) + first.bias)
    answer = orders.fma_v1(hidden, last.weight) + last.bias
    assert answer.tobytes().hex() == text["answer"] != net(x).tobytes().hex()
