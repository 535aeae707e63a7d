"""show_config(): the versions, and what the library found on this machine."""

import platform
from typing import Any

import numpy as np

from . import _core


def show_config(mode: str = "stdout") -> dict[str, Any] | None:
    """Print the versions, the names of the orders of sums and rows, the instruction sets and the number of threads.

    Parameters
    ----------
    mode : {"stdout", "dicts"}
        With ``dicts`` the function prints nothing and returns a dictionary, as NumPy's does.

    Raises
    ------
    ValueError
        Another mode.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.show_config()  # doctest: +ELLIPSIS
    forwardpass ...
    >>> fp.show_config(mode="dicts")["contract"]
    'fma-v2'
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f"mode: expected 'stdout' or 'dicts', got {mode!r}")
    if mode == "dicts":
        return {
            "forwardpass": _core.__version__,
            "python": platform.python_version(),
            "numpy": np.__version__,
            "contract": _core.CONTRACT,
            "row_order": _core.ROW_ORDER,
            "functions": _core.FUNCTIONS,
            "isa": _core.current_isa(),
            "isas": _core.available_isas(),
            "threads": _core.get_num_threads(),
        }
    isas = ", ".join(_core.available_isas())
    print(f"forwardpass {_core.__version__}, Python {platform.python_version()}, NumPy {np.__version__}")
    print(f"numerics contract: {_core.CONTRACT}; of rows: {_core.ROW_ORDER}; of elements: {_core.FUNCTIONS}")
    print(f"instruction set: {_core.current_isa()} (here run: {isas}; FORWARDPASS_ISA forces one)")
    print(f"threads: {_core.get_num_threads()} (FORWARDPASS_NUM_THREADS, set_num_threads)")
    return None
