"""Who can be kept to an instruction set, and how."""

import os
from typing import NamedTuple

import numpy as np

from forwardpass import _core
from forwardpass.bench.contestants import ALONE, OURS


class Limit(NamedTuple):
    """How peers are kept to an instruction set: environment variables that they read when they are loaded."""

    peers: tuple[str, ...]
    variables: dict[str, str]


def wider_than_avx2() -> str:
    """What NumPy's own loops use here beyond AVX2, as NPY_DISABLE_CPU_FEATURES takes it."""
    features = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return " ".join(name for name in features if name.startswith(("AVX512", "X86_V4")))


# On Zen 5, each of these peers was seen to keep below the FMA peak of AVX2, or its code to have no wider registers.
# onnxruntime, ncnn and JAX (whatever --xla_cpu_max_isa says) were seen above it; XNNPACK, which LiteRT and ExecuTorch
# run, has no such variable.
HASWELL = "+avx,+avx2,+bmi,+bmi2,+f16c,+fma,+lzcnt,+movbe,+popcnt,+sse4.2"
LIMITS = {
    "avx2": (
        Limit((*OURS, ALONE, "IREE"), {"FORWARDPASS_ISA": "avx2"}),
        Limit(
            ("NumPy", "NumPy out=", "scipy BLAS", "scikit-learn"),
            {"OPENBLAS_CORETYPE": "Haswell", "NPY_DISABLE_CPU_FEATURES": wider_than_avx2()},
        ),
        Limit(
            ("torch", "torch traced", "torch oneDNN", "openvino"),
            {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
        ),
        Limit(("Numba by hand", "Numba out="), {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": HASWELL}),
        Limit(("tract",), {"TRACT_CPU_ISA": "-avx512f"}),
        # Compiled without wider registers, as a disassembler shows (MNN 3.6.1, mlpfile 0.5.0).
        Limit(("MNN", "mlpfile"), {}),
    )
}


def limited(isa: str) -> list[str]:
    """The contestants that are kept to an instruction set."""
    return [peer for limit in LIMITS[isa] for peer in limit.peers]


def keep_to(isa: str | None) -> None:
    """An instruction set, for this process's ceilings and for every process that starts later. Without one nobody is
    limited, not by variables that were set before either.
    """
    for limit in LIMITS.values():
        for name in {name for peers in limit for name in peers.variables}:
            os.environ.pop(name, None)
    _core.choose_isa(isa or _core.available_isas()[0])
    for peers in LIMITS[isa] if isa else ():
        os.environ.update({name: value for name, value in peers.variables.items() if value})
