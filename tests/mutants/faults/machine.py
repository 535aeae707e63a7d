"""What is asked of the CPU before an instruction set is used."""

from tests.mutants.faults.mutant import Mutant

FAULTS = (
    Mutant(
        "AVX state not asked for",
        "cpp/machine/cpuid.cpp",
        " || (cpu.saved_state & avx_state) != avx_state) return",
        ") return",
        "an illegal instruction where the operating system has AVX switched off",
        ("features",),
    ),
    Mutant(
        "AVX-512 state not asked for",
        "cpp/machine/cpuid.cpp",
        "    if ((cpu.saved_state & avx512_state) != avx512_state) return features;\n",
        "",
        "the same for AVX-512",
        ("features",),
    ),
    Mutant(
        "upper ZMM registers forgotten",
        "cpp/machine/cpuid.cpp",
        " | 1u << 6 | 1u << 7;",
        " | 1u << 6;",
        "the same for ZMM16 to 31",
        ("features",),
    ),
    Mutant(
        "leaf 7 of a CPU that has none",
        "cpp/machine/cpuid.cpp",
        "cpu.last_leaf >= 7 ? cpu.leaf7_ebx : 0",
        "cpu.leaf7_ebx",
        "bits of another leaf are taken for AVX2",
        ("features",),
    ),
    Mutant(
        "a set runs without all it needs",
        "cpp/kernels/isa/avx2.cpp",
        "feature_avx2 | feature_fma",
        "feature_avx2",
        "an illegal instruction on CPUs without FMA",
        ("features",),
    ),
)
