"""Every layer that there is can be timed, and peers compute the same from the steps that stand for it."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

import forwardpass as fp
from forwardpass.bench.contestants import UnsupportedError, build
from forwardpass.bench.engine import check
from forwardpass.bench.steps import every, steps_of
from forwardpass.bench.workload import SpecError, Workload
from tests.support import Float, normal, same_bits
from tests.support.networks import build_rich
from tests.support.timed import NAMES, workload


@pytest.mark.parametrize("name", NAMES)
def test_every_layer_runs_in_numpy(name: str, dtype: Float) -> None:
    if name == "GELU":
        pytest.importorskip("scipy")  # NumPy has no erf
    for rows in (1, 7):
        load = workload(name, rows, np.dtype(dtype).name)
        for contestant in ("forwardpass", "NumPy"):
            assert check(np.atleast_2d(build(contestant, load, 1)()), load) is None, (contestant, rows)


# In a process of its own: peers warn, print, and keep threads. 77 says that one is not installed.
OF_ALL_LAYERS = """
import sys
import numpy as np
from forwardpass.bench.contestants import UnsupportedError, build
from forwardpass.bench.engine import check
from tests.support.timed import NAMES, workload

ran = 0
for name in NAMES:
    for rows in (1, 7):
        load = workload(name, rows)
        try:
            y = np.array(build(sys.argv[1], load, 1)())
        except ImportError:
            sys.exit(77)
        except UnsupportedError:
            continue
        wrong = check(y.reshape(rows, -1), load)
        assert wrong is None, (name, rows, wrong)
        ran += 1
assert ran >= int(sys.argv[2]), ran
"""


@pytest.mark.parametrize(
    ("peer", "least"),
    [("torch", 2 * len(NAMES)), ("onnxruntime", 2 * len(NAMES)), ("jax", 2 * len(NAMES)), ("LiteRT", 20)],
)
def test_every_layer_runs_in_peers(peer: str, least: int) -> None:
    command = [sys.executable, "-W", "ignore", "-c", OF_ALL_LAYERS, peer, str(least)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if result.returncode == 77:
        pytest.skip(f"{peer} is not installed")  # peers are optional: CI has torch
    assert result.returncode == 0, result.stderr


def test_a_kind_that_no_peer_knows_is_unsupported() -> None:
    load = workload("Tanh", 1)
    load.steps[:] = [step._replace(kind="Novel") for step in load.steps]
    with pytest.raises(UnsupportedError, match="Novel"):
        build("NumPy", load, 1)


def test_steps_are_what_layers_declare(dtype: Float) -> None:
    """What does nothing is left out, and numbers for each feature become the few operations that they need."""
    steps = steps_of(build_rich(dtype), np.dtype(dtype).name)
    assert {array.dtype for step in every(steps) for array in step.arrays.values()} == {np.dtype(dtype)}
    kinds = [step.kind for step in every(steps)]
    assert kinds[:5] == ["Subtract", "Multiply", "Clip", "Subtract", "Multiply"]
    assert not {"Dropout", "Flatten", "Identity", "Sequential"} & {*kinds}
    (residual,) = (step for step in steps if step.kind == "Residual")
    assert residual.inner[-1].kind == "Residual"


@pytest.mark.parametrize("net", ["17-64-64-6", "8-[norm-16]x2-3:gelu:softmax"])
def test_every_process_makes_the_same_network(net: str) -> None:
    here = Workload(net, 4)
    there: Workload = pickle.loads(pickle.dumps(here))
    assert there == here
    assert same_bits(there.x, here.x)
    assert same_bits(there.network()(there.x), here.network()(here.x))


def test_a_network_from_a_file_is_timed_as_it_is(dtype: Float) -> None:
    net = build_rich(dtype)
    load: Workload = pickle.loads(pickle.dumps(Workload("rich.npz", 5, np.dtype(dtype).name, net)))
    assert load.ends == (6, 3)
    assert load.numbers == sum(value.size for value in net.state_dict().values())
    x = normal(5, (5, 6), dtype)
    assert same_bits(load.network()(x), net(x))


def test_nothing_is_made_to_find_out_how_large_a_network_is() -> None:
    load = Workload("1000000-1000000", 1)
    assert load.nbytes == 4 * (10**12 + 10**6 + 2 * 10**6)
    assert "arrays" not in vars(load)


def test_a_network_of_no_width_is_refused() -> None:
    with pytest.raises(SpecError, match="takes rows of any width"):
        _ = Workload("softmax.npz", 1, "float32", fp.Softmax()).ends
