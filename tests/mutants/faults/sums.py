"""Roundings, biases, packing, and what is read and written. (order.py: the order of the sums.)"""

from tests.mutants.faults.mutant import Mutant

FAULTS = (
    # ---- activations that fit registers ----
    Mutant(
        "ReLU's operands swapped",
        "cpp/kernels/functions/activations.hpp",
        "V::add(V::max(zero, y), zero)",
        "V::add(V::max(y, zero), zero)",
        "max returns its second operand where one is NaN: NaN becomes 0",
    ),
    Mutant(
        "last elements read as a whole vector",
        "cpp/kernels/functions/activations.hpp",
        "V::load_partial(a.x + r * a.x_row_stride + first, left)",
        "V::load(a.x + r * a.x_row_stride + first)",
        "reads behind the caller's array",
    ),
    # ---- roundings ----
    Mutant(
        "two roundings where an FMA stands",
        "cpp/kernels/isa/avx2.hpp",
        "return _mm256_fmadd_ps(a, b, c);",
        "return _mm256_add_ps(_mm256_mul_ps(a, b), c);",
        "the bits of a CPU without FMA",
    ),
    # ---- bias ----
    Mutant(
        "bias twice",
        "cpp/kernels/linear/epilogue.hpp",
        "V::add(sums.at[r][v], bias)",
        "V::add(V::add(sums.at[r][v], bias), bias)",
        "on every way but that of a few rows of weights as they lie",
    ),
    Mutant(
        "bias dropped",
        "cpp/kernels/linear/neighbours.hpp",
        "bias ? sum + bias[j] : sum",
        "sum",
        "where rows and outputs are not one vector",
    ),
    Mutant(
        "a last panel's last lane is no zero",
        "cpp/kernels/layout/pack.hpp",
        "for (Index j = count; j < width; ++j) rows[k * width + j] = 0;",
        "for (Index j = count; j + 1 < width; ++j) rows[k * width + j] = 0;",
        "what lies there is multiplied: subnormals and NaN cost time",
        ("conformance",),
    ),
    Mutant(
        "packing leaves out what chains have more",
        "cpp/kernels/layout/pack.hpp",
        "for (Index i = 0; i < s.steps_of(c); ++i, row += width)",
        "for (Index i = 0; i < s.steps; ++i, row += width)",
        "the last steps of longer chains meet no weights: of strided weights only",
        ("conformance",),
    ),
    Mutant(
        "no bias is +0.0",
        "cpp/kernels/layout/pack.hpp",
        "source.bias[j] : static_cast<T>(-0.0)",
        "source.bias[j] : static_cast<T>(0.0)",
        "-0.0 + 0.0 is +0.0",
    ),
    # ---- what is read and written ----
    Mutant(
        "AVX2's partial store shifted",
        "cpp/kernels/isa/avx2.hpp",
        """\
            part = _mm_movehl_ps(part, part);
            p += 2;
""",
        """\
            part = _mm_movehl_ps(part, part);
            p += 1;
""",
        "the third of three outputs is written over the second",
    ),
    Mutant(
        "AVX-512's tail mask too wide",
        "cpp/kernels/isa/avx512.cpp",
        "_mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), a)",
        "_mm512_mask_storeu_ps(p, static_cast<__mmask16>((2u << count) - 1), a)",
        "writes one float behind the outputs",
    ),
    Mutant(
        "dealt panels, what is between them in the caller's environment",
        "cpp/network/network.cpp",
        """            const StandardFloatEnvironment environment;
            run_step(kind""",
        """            run_step(kind""",
        "subnormals are flushed where the caller's thread flushes them",
        ("tests/contract/test_float_environment.py",),
    ),
    Mutant(
        "AVX-512's transpose",
        "cpp/kernels/isa/avx512.cpp",
        "rows[i] = _mm512_shuffle_f64x2(fours[i], fours[i + 4], 0x88);",
        "rows[i] = _mm512_shuffle_f64x2(fours[i], fours[i + 4], 0x82);",
        "two chains change places in one instruction set",
        ("conformance",),
    ),
    Mutant(
        "AVX2's transpose",
        "cpp/kernels/isa/avx2.hpp",
        "rows[i + 4] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31);",
        "rows[i + 4] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x13);",
        "the same in two of them, as AVX-512 takes it for half as many lanes",
        ("conformance",),
    ),
    Mutant(
        "last chunk in place left out",
        "cpp/network/unpacked.cpp",
        "ceiling(a.outputs, each), sharing.threads",
        "a.outputs / each, sharing.threads",
        "outputs behind the last whole chunk are not written",
        ("conformance",),
    ),
    Mutant(
        "last chunk in place too long",
        "cpp/network/unpacked.cpp",
        "std::min(each, a.outputs - first), a.activation",
        "each, a.activation",
        "reads behind the weights, and writes behind the outputs",
        ("conformance",),
    ),
    Mutant(
        "panels of another chunk",
        "cpp/network/unpacked.cpp",
        "if (packed_here != first)",
        "if (packed_here < 0)",
        "a thread's second chunk of outputs gets the weights of its first one",
        ("conformance",),
    ),
    Mutant(
        "unpacked with another width",
        "cpp/kernels/layout/pack.hpp",
        "const Index depth = layout.depth, stride = layout.stride(count);",
        "const Index depth = layout.depth, stride = layout.width;",
        "state_dict() returns other weights than were given",
        ("tests/layers/test_state.py",),
    ),
    Mutant(
        "stale pack",
        "cpp/bindings/state.cpp",
        "p.to->assign(weight_source<T>(p.weight, p.bias));",
        "static_cast<void>(p);",
        "load_state_dict() leaves the old weights",
        ("tests/layers/test_state.py",),
    ),
    Mutant(
        "stale columns",
        "cpp/bindings/state.cpp",
        "a.to.features->assign(feature_values(a.table));",
        "static_cast<void>(a);",
        "load_state_dict() leaves the old values of a normalisation",
        ("tests/layers/test_feature_layers.py",),
    ),
)
