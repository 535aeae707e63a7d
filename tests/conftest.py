"""What every test can ask for: an instruction set, a dtype, and the long grids only on demand."""

import platform
from collections.abc import Iterator

import numpy as np
import pytest

import forwardpass as fp
from forwardpass import _core
from tests.support import Float
from tests.support.origins import ABSENT

collect_ignore_glob = [f"convert/test_from_{origin}*.py" for origin in ABSENT]


def pytest_report_header() -> list[str]:
    isas = ", ".join(fp.available_isas())
    lines = [f"forwardpass {fp.__version__} on {platform.machine()} (runs {isas}), NumPy {np.__version__}"]
    if ABSENT:
        lines.append(f"left out, as pip install '.[origins]' is missing: {', '.join(collect_ignore_glob)}")
    return lines


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests marked ``full`` out unless the -m expression speaks of them."""
    if "full" in config.getoption("markexpr", default=""):
        return
    long = [item for item in items if item.get_closest_marker("full")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if not item.get_closest_marker("full")]


@pytest.fixture(params=fp.available_isas())
def isa(request: pytest.FixtureRequest) -> Iterator[str]:
    """Runs the test once for each instruction set of this machine."""
    former = _core.current_isa()
    _core.choose_isa(request.param)
    assert _core.current_isa() == request.param
    yield request.param
    _core.choose_isa(former)


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> Float:
    chosen: Float = request.param
    return chosen
