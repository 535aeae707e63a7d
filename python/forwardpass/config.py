"""What this installation is and what it found."""

import platform

import numpy as np

from . import _core


def show_config() -> None:
    """Print the versions, the numerics contract, the instruction sets and the number of threads.

    Examples
    --------
    >>> import forwardpass as fp
    >>> fp.show_config()  # doctest: +ELLIPSIS
    forwardpass ...
    """
    isas = ", ".join(_core.available_isas())
    print(f"forwardpass {_core.__version__}, Python {platform.python_version()}, NumPy {np.__version__}")
    print(f"numerics contract: {_core.CONTRACT}")
    print(f"instruction set: {_core.current_isa()} (here run: {isas}; FORWARDPASS_ISA forces one)")
    print(f"threads: {_core.get_num_threads()} (FORWARDPASS_NUM_THREADS, set_num_threads)")
