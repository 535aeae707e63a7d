"""The faults: what is written instead of what, and why it would matter."""

from dataclasses import dataclass

# The programs of tests/cpp that look for a fault, in this order.
CORE = ("conformance", "ulp", "golden", "stress")


@dataclass(frozen=True)
class Mutant:
    """One planted fault.

    Attributes
    ----------
    name : str
        What is wrong.
    file : str
        The file it is in, from the root of the project.
    before, after : str
        The exact text, which occurs once in the file, and what stands there instead.
    why : str
        What goes wrong with it.
    tests : tuple of str
        Programs of tests/cpp, and files for pytest: where one is, the extension is built as well.
    """

    name: str
    file: str
    before: str
    after: str
    why: str
    tests: tuple[str, ...] = CORE

    def occurrences(self, text: str) -> int:
        """How often `before` stands in the text of the file."""
        return text.count(self.before)

    def applied(self, text: str) -> str:
        """The text of the file with the fault in it.

        Raises
        ------
        ValueError
            Where `before` is not there exactly once.
        """
        if self.occurrences(text) != 1:
            raise ValueError(f"{self.name}: its text is {self.occurrences(text)} times in {self.file}, not once")
        return text.replace(self.before, self.after)


MUTANTS = (
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
        "cpp/bindings/network.cpp",
        "p.to->assign(kernels_of<T>(chosen_table()), weight_source<T>(p.weight, p.bias));",
        "static_cast<void>(p);",
        "load_state_dict() leaves the old weights",
        ("tests/test_state.py",),
    ),
    Mutant(
        "stale columns",
        "cpp/bindings/network.cpp",
        "a.to.columns->assign(column_values(a.table));",
        "static_cast<void>(a);",
        "load_state_dict() leaves the old values of a normalisation",
        ("tests/test_row_functions.py",),
    ),
    # ---- networks ----
    Mutant(
        "a kept residual is written over",
        "cpp/plan.cpp",
        "to == current || is_kept(to);",
        "to == current;",
        "weights inside a residual connection write where its input waits",
    ),
    Mutant(
        "a kept residual is changed in place",
        "cpp/plan.cpp",
        "current == Step<T>::x || is_kept(current))",
        "current == Step<T>::x)",
        "an activation inside a residual connection changes what will be added",
    ),
    Mutant(
        "residual of x from the workspace",
        "cpp/plan.hpp",
        "Added<T>{adds_x ? x : buffer(step.added),",
        "Added<T>{buffer(step.added),",
        "what a network adds of its own input lies outside its memory",
    ),
    Mutant(
        "an activation fused past a residual",
        "cpp/plan.cpp",
        """\
        const bool fused = fuses;
        fuses = false;
""",
        """\
        const bool fused = fuses;
""",
        "what follows a sum or a row function is applied to the weights before it",
    ),
    Mutant(
        "rows of the last tile",
        "cpp/network.cpp",
        "std::min(rows, batch.rows - first),",
        "rows,",
        "the last tile of a batch is computed as if it were whole",
    ),
    # ---- threads ----
    Mutant(
        "scratch shared by threads",
        "cpp/network.cpp",
        "T* const own = thread == 0 ? scratch : workspace.data() + elements + (thread - 1) * scratch_each;",
        "T* const own = scratch + 0 * thread;",
        "the sums of one thread's slices end in another's outputs",
    ),
    Mutant(
        "a share's last chunk skipped",
        "cpp/share.hpp",
        "if (first >= end) return -1;",
        "if (first + 1 >= end) return -1;",
        "part of y is never written",
    ),
    Mutant(
        "no wait for the workers",
        "cpp/thread_pool.cpp",
        "if (spin_until([this] { return is_empty(); })) return;",
        "return;",
        "a call returns while other threads still write its results",
    ),
    Mutant(
        "two calls in one job",
        "cpp/thread_pool.cpp",
        "if (in_use_.exchange(true)) return run_alone(job);",
        "in_use_.store(true);",
        "concurrent calls take each other's chunks",
    ),
    Mutant(
        "workspace not kept",
        "cpp/workspace.hpp",
        "if (buffer_.count() <= most_kept) kept() = std::move(buffer_);",
        "",
        "every call allocates",
    ),
    Mutant(
        "no look inside of a tile",
        "cpp/network.cpp",
        "tile * work_each > work_between_looks",
        "tile * work_each < 0",
        "Ctrl-C waits for all layers of a tile of rows",
        ("tests/test_conformance.py",),
    ),
    Mutant(
        "functions of one element cost nothing",
        "cpp/plan.cpp",
        "step.weights ? 0 : 1;",
        "0;",
        "a long call of ReLU keeps the GIL and sees no signal",
        ("tests/test_num_threads.py",),
    ),
    Mutant(
        "the interpreter ends while others compute",
        "cpp/bindings/calls.cpp",
        "while (inside > inside_here)",
        "while (inside < inside_here)",
        "a daemon thread that asks for the GIL then ends the process",
        ("tests/test_interpreter.py",),
    ),
    # ---- the caller's floating-point environment ----
    Mutant(
        "environment not put back",
        "cpp/float_environment.hpp",
        "FloatControl::write(found);",
        "FloatControl::write(FloatControl::standard);",
        "the caller's rounding mode is lost",
    ),
    Mutant(
        "environment of rows",
        "cpp/network.cpp",
        """\
    const auto run_tile = [&](Index chunk, [[maybe_unused]] int thread, T* workspace) noexcept {
        const StandardFloatEnvironment environment;
""",
        """\
    const auto run_tile = [&](Index chunk, [[maybe_unused]] int thread, T* workspace) noexcept {
""",
        "the caller's rounding mode changes result bits",
    ),
    Mutant(
        "environment of columns",
        "cpp/columns.cpp",
        "const StandardFloatEnvironment environment;  // or",
        "// or",
        "a normalisation's values are rounded as the caller's thread rounds",
        ("tests/test_float_environment.py",),
    ),
    Mutant(
        "environment of panels",
        "cpp/network.cpp",
        """\
            auto run_some = [&](Index chunk, int thread) noexcept {
                const StandardFloatEnvironment environment;
""",
        """\
            auto run_some = [&](Index chunk, int thread) noexcept {
""",
        "the same where few rows are shared by threads",
    ),
    Mutant(
        "environment of packing",
        "cpp/unpacked.cpp",
        """\
            const StandardFloatEnvironment environment;
            T* const packed = buffer""",
        """\
            T* const packed = buffer""",
        "the same for weights that are packed in a call",
    ),
    # ---- activations in pairs ----
    Mutant(
        "product without its error",
        "cpp/kernels/pair.hpp",
        "return {product, V::fma(a, b, -product)};",
        "return {product, product - product};",
        "what is computed in pairs is rounded after every product",
    ),
    Mutant(
        "exponential's other n",
        "cpp/kernels/exponential.hpp",
        "V::fma(x.high, V::broadcast(C::log2_e), rounder)",
        "V::fma(x.high - V::broadcast(static_cast<T>(0.25)), V::broadcast(C::log2_e), rounder)",
        "n is one too low where it should be rounded up, and the polynomial used outside its range",
    ),
    Mutant(
        "exponential without a low part",
        "cpp/kernels/exponential.hpp",
        "V::fma(n, V::broadcast(-C::ln2_low), x.low)",
        "n * V::broadcast(-C::ln2_low)",
        "the argument is rounded before the exponential",
    ),
    Mutant(
        "GELU without a sign",
        "cpp/kernels/functions.hpp",
        "return V::with_sign(V::select_at_least(x, V::broadcast(C::normal_largest), x, y), x);",
        "return V::select_at_least(x, V::broadcast(C::normal_largest), x, y);",
        "-0.0 becomes +0.0",
    ),
    Mutant(
        "ELU at 0 of one instruction set",
        "cpp/kernels/avx2.hpp",
        "_mm256_cmp_ps(x, least, _CMP_GE_OQ)",
        "_mm256_cmp_ps(x, least, _CMP_GT_OQ)",
        "functions of 0 take their other branch",
    ),
    Mutant(
        "exponent of one instruction set",
        "cpp/kernels/isa_avx512.cpp",
        "_mm512_slli_epi64(_mm512_castpd_si512(a), 52)",
        "_mm512_slli_epi64(_mm512_castpd_si512(a), 51)",
        "powers of two of double are others with AVX-512",
    ),
    Mutant(
        "sign of one instruction set",
        "cpp/kernels/isa_avx512.cpp",
        "_mm512_castsi512_pd(_mm512_ternarylogic_epi64(_mm512_set1_epi64(0x7FFFFFFFFFFFFFFF),",
        "_mm512_castsi512_pd(_mm512_ternarylogic_epi64(_mm512_set1_epi64(0x3FFFFFFFFFFFFFFF),",
        "the sign of double takes a bit of the exponent along",
    ),
    # ---- functions of rows ----
    Mutant(
        "softmax keeps one weight more than there is room for",
        "cpp/kernels/row_functions.hpp",
        "if (a.count <= KeptWeights<V>::most) softmax_with",
        "if (a.count <= KeptWeights<V>::most + 1) softmax_with",
        "a row of 1025 writes behind the array of kept weights",
        ("tests/test_row_functions.py",),
    ),
    Mutant(
        "the last elements of a sum read as a whole vector",
        "cpp/kernels/row_functions.hpp",
        "rest.store(v, term(V::load_partial(x + at, count - at), at));",
        "rest.store(v, term(V::load(x + at), at));",
        "reads behind the caller's row",
    ),
    Mutant(
        "softmax keeps its weights one vector too early",
        "cpp/kernels/row_functions.hpp",
        "V::store(low_ + i, w.significand.low);",
        "V::store(low_ + (i < V::lanes ? i : i - V::lanes), w.significand.low);",
        "the low parts of kept weights are those of the next vector",
        ("tests/test_row_functions.py",),
    ),
    Mutant(
        "softmax without its largest",
        "cpp/kernels/row_functions.hpp",
        """\
    const T largest = largest_of<V>(a.x, a.count);
    const Pair<Scalar<T>> total""",
        """\
    const T largest = 0;
    const Pair<Scalar<T>> total""",
        "e^x overflows",
        ("tests/test_row_functions.py",),
    ),
    Mutant(
        "log_softmax counts its largest twice",
        "cpp/kernels/row_functions.hpp",
        "sum_of_weights<V>(a.x + at + 1, a.count - at - 1, largest)",
        "sum_of_weights<V>(a.x + at, a.count - at, largest)",
        "the sum is 1 too large",
        ("tests/test_row_functions.py",),
    ),
    Mutant(
        "layer_norm divides by n - 1",
        "cpp/kernels/row_functions.hpp",
        "quotient<S>(squares, count)",
        "quotient<S>(squares, {static_cast<T>(a.count - 1), 0})",
        "the variance of a sample, not of what is there",
        ("tests/test_row_functions.py",),
    ),
    Mutant(
        "limits of columns swapped",
        "cpp/columns.cpp",
        "table[lowest_row * stride + i] = static_cast<T>(values.lowest[i]);",
        "table[lowest_row * stride + i] = static_cast<T>(values.highest[i]);",
        "everything is clipped to the upper limit",
        ("tests/test_row_functions.py",),
    ),
    Mutant(
        "low parts of columns dropped",
        "cpp/columns.cpp",
        "finite ? static_cast<T>((from.high[i] - high) + from.low[i]) : T{0};",
        "finite ? static_cast<T>(from.high[i] - high) : T{0};",
        "a scale is rounded to double before it is used",
        ("tests/test_row_functions.py",),
    ),
    # ---- the boundary: what was checked is used, axes, settings, one truth ----
    Mutant(
        "arrays are used as others hold them",
        "cpp/bindings/arrays.cpp",
        "return private_view(as_array(shared_ndarray(value, name)));",
        "return shared_ndarray(value, name);",
        "an argument that is reshaped after its check is read outside of its memory",
        ("tests/test_checked_is_used.py",),
    ),
    Mutant(
        "a Flatten behind rows flattens",
        "cpp/bindings/network.cpp",
        "takes_rows || residuals > 0 ? Axes::rows : *axes",
        "*axes",
        "rows before the Flatten are not those behind it",
        ("tests/test_axes.py",),
    ),
    Mutant(
        "BatchNorm1d takes the last axis of any x",
        "python/forwardpass/nn/columns.py",
        'self._start(arrays, self.eps, axes="rows")',
        "self._start(arrays, self.eps)",
        "PyTorch takes axis 1 of three",
        ("tests/test_axes.py",),
    ),
    Mutant(
        "a with block puts back what was there before",
        "python/forwardpass/threads.py",
        "tuple(other for other in blocks.get(()) if other is not block)",
        "blocks.get(())[:-1]",
        "of two generators, the one that ends first ends the other's block",
        ("tests/test_thread_context.py",),
    ),
    Mutant(
        "a with block goes for all",
        "cpp/bindings/threads.cpp",
        "return threads > 0 || work < work_worth_sharing ? threads : count_of_block();",
        "return threads;",
        "calls do not see the number of their block",
        ("tests/test_thread_context.py",),
    ),
    Mutant(
        "arrays that are reported stay old",
        "cpp/bindings/network.cpp",
        "std::swap(*a.to.arrays, a.arrays);",
        "static_cast<void>(a.arrays);",
        "state_dict() says other values than the layer computes with",
        ("tests/test_interrupts.py",),
    ),
    Mutant(
        "a layer is made twice",
        "python/forwardpass/nn/module.py",
        "if self._initialised:",
        "if False:",
        "its attributes change, and what it computes does not",
        ("tests/test_state.py",),
    ),
    Mutant(
        "arithmetic in Python as the thread is set",
        "python/forwardpass/environment.py",
        "found = _core.enter_standard_floats()",
        "found = _core.enter_standard_floats()\n    _core.leave_standard_floats(found)",
        "subnormal values of a layer are lost where another library flushes them to zero",
        ("tests/test_float_environment.py",),
    ),
    Mutant(
        "numpy's errstate is the caller's",
        "cpp/bindings/arrays.cpp",
        "if (PyContext_Enter(context_.ptr()) < 0) throw py::error_already_set();",
        "context_ = steal(PyContext_New());",
        "an interrupt during a conversion leaves NumPy's warnings switched off",
        ("tests/test_interrupts.py",),
    ),
    Mutant(
        "subclasses have a slope of 1",
        "python/forwardpass/nn/activations.py",
        "        return 1.7581",
        "        return 1.7581 if type(self) is SELU else 1.0",
        "the bound of a user's own SELU is too small",
        ("tests/test_bound_layers.py",),
    ),
    Mutant(
        "the bound of a row loses its distance from zero",
        "python/forwardpass/bound.py",
        "shifted = values - values[..., :1]",
        "shifted = values",
        "LayerNorm's bound far from zero is smaller than its error, or larger than any answer",
        ("tests/test_bound_layers.py",),
    ),
    # ---- model files: what one may cost, and how it is written ----
    Mutant(
        "a directory of a zip file is not counted",
        "python/forwardpass/files/zip.py",
        'budget.take(TIMES_DIRECTORY * size, "its directory")',
        'budget.take(0 * size, "its directory")',
        "zipfile makes an object for each of a million entries",
        ("tests/test_file_limits.py",),
    ),
    Mutant(
        "members may say what DEFLATE cannot hold",
        "python/forwardpass/files/zip.py",
        "if member.file_size > most:",
        "if member.file_size > 1000 * most:",
        "a lying size reserves gigabytes",
        ("tests/test_file_limits.py",),
    ),
    Mutant(
        "members may share their bytes",
        "python/forwardpass/files/zip.py",
        "needed = sum(member.compress_size + 30 for member in members)",
        "needed = max(member.compress_size + 30 for member in members)",
        "the same bytes are inflated thousands of times",
        ("tests/test_file_limits.py",),
    ),
    Mutant(
        "tensors of any size",
        "python/forwardpass/limits.py",
        "if self.tensors > self.max_bytes:",
        "if self.tensors > 2**63:",
        "max_bytes= has no effect",
        ("tests/test_file_limits.py",),
    ),
    Mutant(
        "memory beside the tensors is not bounded",
        "python/forwardpass/limits.py",
        "if self.taken > self._most:",
        "if self.taken > 2**63:",
        "a LayerNorm without arrays takes gigabytes",
        ("tests/test_file_limits.py",),
    ),
    Mutant(
        "JSON counts as its text",
        "python/forwardpass/limits.py",
        "BYTES_OF_TEXT, BYTES_OF_MARK = 12, 150",
        "BYTES_OF_TEXT, BYTES_OF_MARK = 12, 1",
        "empty lists take thirty times their text",
        ("tests/test_file_limits.py",),
    ),
    Mutant(
        "devices are read",
        "python/forwardpass/limits.py",
        "if not stat.S_ISREG(os.fstat(descriptor).st_mode):",
        "if stat.S_ISDIR(os.fstat(descriptor).st_mode):",
        "a link to a device is opened as a model file",
        ("tests/test_file_limits.py",),
    ),
    Mutant(
        "names reach a terminal as they are",
        "python/forwardpass/limits.py",
        'return "".join(c if c.isprintable() else',
        'return "".join(c if c else',
        "a file's name for a tensor clears the screen",
        ("tests/test_file_limits.py",),
    ),
    Mutant(
        "causes reach a terminal as they are",
        "python/forwardpass/files/__init__.py",
        "from None",
        "from error.__cause__",
        "a traceback clears the screen",
        ("tests/test_file_limits.py",),
    ),
    Mutant(
        "memory that is not there is no refusal",
        "python/forwardpass/files/__init__.py",
        "except MemoryError as error:",
        "except NotADirectoryError as error:",
        "a file's claim raises MemoryError",
        ("tests/test_file_limits.py",),
    ),
    Mutant(
        "tables of columns cost nothing",
        "python/forwardpass/files/cost.py",
        "COLUMN_KEPT, COLUMN_MADE = 136, 160",
        "COLUMN_KEPT, COLUMN_MADE = 0, 0",
        "a norm without arrays takes what it likes",
        ("tests/test_file_limits.py",),
    ),
    Mutant(
        "packed weights cost as much as they have values",
        "python/forwardpass/files/cost.py",
        "kept += (inputs + 1) * _padded(outputs) * each",
        "kept += inputs * outputs * each",
        "weights without inputs are packed with their biases, and padded",
        ("tests/test_file_limits.py",),
    ),
    Mutant(
        "layers without weights take any time",
        "python/forwardpass/limits.py",
        "if numbers > self._most:",
        "if numbers > 2**63:",
        "a small file computes for minutes",
        ("tests/test_file_limits.py",),
    ),
    Mutant(
        "the test input costs nothing",
        "python/forwardpass/files/cost.py",
        "call = (arch.width(spec) + between + outputs) * each",
        "call = (between + outputs) * each",
        "weights without outputs have an input of gigabytes",
        ("tests/test_conformance.py",),
    ),
    Mutant(
        "headers are parsed whatever they become",
        "python/forwardpass/files/safe.py",
        'budget.take(json_bytes(text), "its header")',
        'budget.take(0, "its header")',
        "a header takes thirty times its bytes",
        ("tests/test_conformance.py",),
    ),
    Mutant(
        "save writes what load refuses",
        "python/forwardpass/files/document.py",
        'budget.take(cost.memory(spec, dtype) + cost.texts(text, arrays), "its architecture")',
        'budget.take(0, "its architecture")',
        "a network is lost in a file that nobody can read",
        ("tests/test_file_limits.py",),
    ),
    Mutant(
        "save replaces links",
        "python/forwardpass/files/writing.py",
        "path = Path(os.path.realpath(path))",
        "path = Path(os.path.abspath(path))",
        "the file that the link points at keeps the old network",
        ("tests/test_saving.py",),
    ),
    Mutant(
        "a private file can be read while it is written",
        "python/forwardpass/files/writing.py",
        "0o666 if old is None else 0o600",
        "0o666",
        "others read the weights meanwhile",
        ("tests/test_saving.py",),
    ),
    Mutant(
        "permissions are not kept",
        "python/forwardpass/files/writing.py",
        "os.fchmod(descriptor, mode)",
        "os.fchmod(descriptor, 0o600)",
        "a shared file is private after a save",
        ("tests/test_saving.py",),
    ),
    Mutant(
        "mounted files cannot be saved",
        "python/forwardpass/files/writing.py",
        "IN_PLACE = (errno.EBUSY, errno.EXDEV,",
        "IN_PLACE = (errno.EXDEV,",
        "save fails on a file that is mounted into a container",
        ("tests/test_saving.py",),
    ),
    Mutant(
        "a file in place keeps its old end",
        "python/forwardpass/files/writing.py",
        "            file.truncate()\n",
        "            file.tell()\n",
        "the bytes of a longer old file stand behind the new one",
        ("tests/test_saving.py",),
    ),
    Mutant(
        "long names have no room for a temporary one",
        "python/forwardpass/files/writing.py",
        'f".{secrets.token_hex(8)}.forwardpass"',
        'f".{path.name}.{secrets.token_hex(8)}.forwardpass"',
        "names of more than 220 bytes cannot be saved",
        ("tests/test_saving.py",),
    ),
    Mutant(
        "infinite limits of a Normalize cannot be saved",
        "python/forwardpass/files/architecture.py",
        "numbers = {key: _as_json(config[key]) for key in more}",
        "numbers = {key: config[key] for key in more}",
        "JSON has no infinity",
        ("tests/test_files.py",),
    ),
    Mutant(
        "NumPy's own types cannot be saved",
        "python/forwardpass/files/architecture.py",
        "        value = value.item()\n",
        "        value = value[()]\n",
        "GELU(np.str_('tanh')) is a legal layer",
        ("tests/test_files.py",),
    ),
    Mutant(
        "another order of rows is off by one side",
        "python/forwardpass/files/document.py",
        "if _agree(answer, said, 2 * bound):",
        "if _agree(answer, said, bound):",
        "a file of an earlier version is refused",
        ("tests/test_files.py",),
    ),
    Mutant(
        "any answer may differ where the order of rows has no name",
        "python/forwardpass/files/document.py",
        'if another_order and any(layer["type"] in ROW_FUNCTIONS for _, layer in arch.layers(spec)):',
        "if another_order:",
        "a network without row functions has changed, and nobody sees it",
        ("tests/test_files.py",),
    ),
    Mutant(
        "wide rows are many in check",
        "python/forwardpass/cli/check.py",
        "min(MOST_PRODUCTS / max(1, products), MOST_FEATURES / widest)",
        "MOST_PRODUCTS / max(1, products)",
        "a file of some hundred bytes takes gigabytes there",
        ("tests/test_cli_files.py",),
    ),
)
