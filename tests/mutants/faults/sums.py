"""The sums: their order, their roundings, and what is read and written."""

from tests.mutants.faults.mutant import Mutant

FAULTS = (
    # ---- activations that fit registers ----
    Mutant(
        "ReLU's operands swapped",
        "cpp/kernels/activations.hpp",
        "V::add(V::max(zero, y), zero)",
        "V::add(V::max(y, zero), zero)",
        "max returns its second operand where one is NaN: NaN becomes 0",
    ),
    Mutant(
        "last elements read as a whole vector",
        "cpp/kernels/activations.hpp",
        "compute(V::load_partial(x + i, count - i)), count - i)",
        "compute(V::load(x + i)), count - i)",
        "reads behind the caller's array",
    ),
    # ---- the order of the sums ----
    Mutant(
        "last k dropped",
        "cpp/kernels/tile.hpp",
        "add_blocks<lines, 1>(at, rest, sums)",
        "add_blocks<lines, 1>(at, blocks.rest - 1, sums)",
        "the last product of a short block is missing",
    ),
    Mutant(
        "rest dropped, lanes are blocks",
        "cpp/kernels/block_lanes.hpp",
        "if (slice.rest > 0) {",
        "if (slice.rest > 1) {",
        "a short block of one step is missing",
    ),
    Mutant(
        "block length off at 32",
        "cpp/kernels/order.hpp",
        "8 * ((depth + 31) / 32)",
        "8 * ((depth + 32) / 32)",
        "a whole other order at K = 32, 64 and 96, in the reference kernel as well",
        ("golden",),  # conformance states some lengths as it compiles
    ),
    Mutant(
        "superblock of 32 blocks",
        "cpp/kernels/order.hpp",
        "blocks_per_superblock = 64",
        "blocks_per_superblock = 32",
        "another order from K = 1025 on, in the reference kernel as well",
        ("tests/test_model.py",),
    ),
    Mutant(
        "no superblocks in place",
        "cpp/kernels/unpacked_row.hpp",
        """\
        auto sum = V::broadcast(start_of_sum<T>(blocks.full + blocks.rest));
        for (; full >= 4; full -= 4) add_transposed<V, 4>(x, w, row_stride, blocks.block, sum);
        for (; full >= 1; full -= 1) add_transposed<V, 1>(x, w, row_stride, blocks.block, sum);
        if (slice.rest > 0) add_transposed<V, 1>(x, w, row_stride, slice.rest, sum);
        total = V::add(total, sum);
""",
        """\
        auto sum = total;
        for (; full >= 4; full -= 4) add_transposed<V, 4>(x, w, row_stride, blocks.block, sum);
        for (; full >= 1; full -= 1) add_transposed<V, 1>(x, w, row_stride, blocks.block, sum);
        if (slice.rest > 0) add_transposed<V, 1>(x, w, row_stride, slice.rest, sum);
        total = sum;
""",
        "the totals of superblocks in another order: only for K > 2048",
    ),
    Mutant(
        "blocks added backwards",
        "cpp/kernels/tile.hpp",
        "sum = V::add(sum, chain[b][i / vectors][i % vectors]);",
        "sum = V::add(sum, chain[blocks - 1 - b][i / vectors][i % vectors]);",
        "chains that run side by side must still be added in order",
    ),
    Mutant(
        "sums start from +0.0",
        "cpp/kernels/order.hpp",
        "static_cast<T>(depth == 0 ? 0.0 : -0.0)",
        "static_cast<T>(depth == 0 ? 0.0 : 0.0)",
        "a sum of nothing but -0.0 becomes +0.0",
    ),
    Mutant(
        "sums start from +0.0, lanes are blocks",
        "cpp/kernels/block_lanes.hpp",
        "sum[r] = static_cast<T>(-0.0);",
        "sum[r] = 0;",
        "the same for one output, where 16 blocks must all give -0.0",
    ),
    # ---- roundings ----
    Mutant(
        "two roundings where an FMA stands",
        "cpp/kernels/avx2.hpp",
        "return _mm256_fmadd_ps(a, b, c);",
        "return _mm256_add_ps(_mm256_mul_ps(a, b), c);",
        "the bits of a CPU without FMA",
    ),
    Mutant(
        "contraction",
        "cpp/CMakeLists.txt",
        "  add_isa(avx2 -mavx2 -mfma)\n",
        """\
  add_isa(avx2 -mavx2 -mfma)
  set_source_files_properties(kernels/isa_avx2.cpp PROPERTIES
    COMPILE_OPTIONS "-ffp-contract=fast;-fexpensive-optimizations")
""",
        "the compiler makes FMAs of intrinsics where two roundings stand, as GCC does by default from -O2 on",
    ),
    # ---- bias ----
    Mutant(
        "bias twice",
        "cpp/kernels/store_tile.hpp",
        "V::add(sums.at[r][v], bias)",
        "V::add(V::add(sums.at[r][v], bias), bias)",
        "in tiles",
    ),
    Mutant(
        "bias dropped",
        "cpp/kernels/few_outputs.hpp",
        "V::add(totals[j], V::broadcast(panel.at[j]))",
        "totals[j]",
        "for few outputs of a batch",
    ),
    Mutant(
        "no bias is +0.0",
        "cpp/kernels/pack.hpp",
        "source.bias[first + j] : static_cast<T>(-0.0)",
        "source.bias[first + j] : static_cast<T>(0.0)",
        "-0.0 + 0.0 is +0.0",
    ),
    # ---- what is read and written ----
    Mutant(
        "AVX2's partial store shifted",
        "cpp/kernels/avx2.hpp",
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
        "cpp/kernels/isa_avx512.cpp",
        "_mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), a)",
        "_mm512_mask_storeu_ps(p, static_cast<__mmask16>((2u << count) - 1), a)",
        "writes one float behind the outputs",
    ),
    Mutant(
        "width of the last panel",
        "cpp/kernels/tiles.hpp",
        "panel_width<T>(panel.outputs)",
        "panel_width<T>(panel.layer.outputs)",
        "the rows of a last, narrow panel are looked for where those of a wide one would be",
    ),
    Mutant(
        "rest dropped, x fetched from memory",
        "cpp/kernels/tiles.hpp",
        "part.rest = left > 0 ? 0 : a.slice.rest;",
        "part.rest = 0;",
        "the short block is missing, for narrow layers and large batches only",
    ),
    Mutant(
        "one row, superblocks from the first one's weights",
        "cpp/kernels/one_row.hpp",
        "from.advance(slice.first);",
        "from.x += slice.first;",
        "each 2048 inputs of one row meet the first 2048 weights",
    ),
    Mutant(
        "one output, four rows of which one is another",
        "cpp/kernels/block_lanes.hpp",
        "turn_rows<V>(x[g] + r * x_row_stride",
        "turn_rows<V>(x[g] + (r == 3 ? 2 : r) * x_row_stride",
        "the fourth of four rows gets the third one's full blocks",
    ),
    Mutant(
        "one output, the last group's sums in the wrong place",
        "cpp/kernels/block_lanes.hpp",
        "to[g] = sums + lanes + first - before;",
        "to[g] = sums + (group + g + 1) * lanes - before;",
        "the last group begins in the one before it where the blocks do not fill it",
    ),
    Mutant(
        "one output, superblocks from the first one's weights",
        "cpp/kernels/block_lanes.hpp",
        "first_group<T>(depth) + group * lanes * lane_block",
        "first_group<T>(depth) + (group - before / lanes) * lanes * lane_block",
        "each 2048 inputs of one output meet the first 2048 weights",
    ),
    Mutant(
        "wide turning, parts swapped",
        "cpp/kernels/transpose.hpp",
        "k[i] = V::even_parts(parts[0][i], parts[1][i]);",
        "k[i] = V::odd_parts(parts[0][i], parts[1][i]);",
        "every other four steps are used twice, where registers have four parts",
    ),
    Mutant(
        "dealt panels, what is between them in the caller's environment",
        "cpp/network.cpp",
        """                const StandardFloatEnvironment environment;
                return run_step""",
        """                return run_step""",
        "subnormals are flushed where the caller's thread flushes them",
        ("tests/test_float_environment.py",),
    ),
    Mutant(
        "few outputs, one row too far",
        "cpp/kernels/few_outputs.hpp",
        "r + V::lanes <= end ? r : end - V::lanes;",
        "r + V::lanes <= end ? r : end - V::lanes + 1;",
        "the last vector of rows begins one too late and ends outside the array",
    ),
    Mutant(
        "few outputs, too few rows in half the lanes",
        "cpp/kernels/few_outputs.hpp",
        "rows_in_lanes<Half, false>(panel, wide, end);",
        "rows_in_lanes<Half, false>(panel, wide, end - 1);",
        "the last row of some row counts stays as it was, on instruction sets with half as many lanes only",
    ),
    Mutant(
        "one output, rows behind whole registers left out",
        "cpp/kernels/packed_linear.hpp",
        "rows_in_lanes<Half, true>(panel, whole, end);",
        "rows_in_lanes<Half, true>(panel, whole, whole > 0 ? whole : end);",
        "rows that do not fill a register stay as they were, on instruction sets with half as many lanes only",
    ),
    Mutant(
        "AVX-512's transpose",
        "cpp/kernels/isa_avx512.cpp",
        "_MM_SHUFFLE(3, 2, 3, 2)",
        "_MM_SHUFFLE(2, 3, 3, 2)",
        "two steps of k change places in one instruction set",
    ),
    Mutant(
        "last chunk in place too short",
        "cpp/unpacked.cpp",
        "chunk + 1 < chunks ? each : a.outputs - first",
        "chunk < chunks ? each : a.outputs - first",
        "outputs behind the last whole panel are not written",
    ),
    Mutant(
        "unpacked with another width",
        "cpp/packed_weights.cpp",
        "width = panel_width<T>(count);",
        "width = padded<T>(count);",
        "state_dict() returns other weights than were given",
        ("tests/test_state.py",),
    ),
    Mutant(
        "stale pack",
        "cpp/bindings/state.cpp",
        "p.to->assign(kernels_of<T>(chosen_table()), weight_source<T>(p.weight, p.bias));",
        "static_cast<void>(p);",
        "load_state_dict() leaves the old weights",
        ("tests/test_state.py",),
    ),
    Mutant(
        "stale columns",
        "cpp/bindings/state.cpp",
        "a.to.columns->assign(column_values(a.table));",
        "static_cast<void>(a);",
        "load_state_dict() leaves the old values of a normalisation",
        ("tests/test_row_functions.py",),
    ),
)
