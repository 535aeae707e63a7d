"""Networks, threads and the floating-point environment."""

from tests.mutants.faults.mutant import Mutant

FAULTS = (
    # ---- networks ----
    Mutant(
        "a kept residual is written over",
        "cpp/network/plan.cpp",
        "to == current || is_kept(to);",
        "to == current;",
        "weights inside a residual connection write where its input waits",
    ),
    Mutant(
        "a kept residual is changed in place",
        "cpp/network/plan.cpp",
        "current == Buffer::x || is_kept(current))",
        "current == Buffer::x)",
        "an activation inside a residual connection changes what will be added",
    ),
    Mutant(
        "residual of x from the workspace",
        "cpp/network/plan.hpp",
        "std::is_same_v<Kind, AddStep>) use(rows_of(kind.added),",
        "std::is_same_v<Kind, AddStep>) use(StridedRows<T>{in_workspace(kind.added), stride},",
        "what a network adds of its own input lies outside its memory",
    ),
    Mutant(
        "an activation fused past a residual",
        "cpp/network/plan.cpp",
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
        "cpp/network/network.cpp",
        "std::min(rows, batch.rows - first),",
        "rows,",
        "the last tile of a batch is computed as if it were whole",
    ),
    # ---- threads ----
    Mutant(
        "scratch shared by threads",
        "cpp/network/network.cpp",
        "T* const own = thread == 0 ? scratch : workspace.data() + elements + (thread - 1) * scratch_each;",
        "T* const own = scratch + 0 * thread;",
        "the sums of one thread's slices end in another's outputs",
    ),
    Mutant(
        "a share's last chunk skipped",
        "cpp/threads/chunks.hpp",
        "if (first >= end) return -1;",
        "if (first + 1 >= end) return -1;",
        "part of y is never written",
    ),
    Mutant(
        "no wait for the workers",
        "cpp/threads/pool.cpp",
        "if (spin_until([this] { return is_empty(); })) return;",
        "return;",
        "a call returns while other threads still write its results",
    ),
    Mutant(
        "two calls in one job",
        "cpp/threads/pool.cpp",
        "if (in_use_.exchange(true)) return run_alone(job);",
        "in_use_.store(true);",
        "concurrent calls take each other's chunks",
    ),
    Mutant(
        "workspace not kept",
        "cpp/network/workspace.hpp",
        "if (buffer_.count() <= most_kept) kept() = std::move(buffer_);",
        "",
        "every call allocates",
    ),
    Mutant(
        "no look inside of a tile",
        "cpp/network/network.cpp",
        "tile * work_each > work_between_polls",
        "tile * work_each < 0",
        "Ctrl-C waits for all layers of a tile of rows",
        ("tests/contract/test_conformance.py::test_promises_hold[interrupts]",),
    ),
    Mutant(
        "functions of one element cost nothing",
        "cpp/network/plan.cpp",
        "least = linear != nullptr ? 0 : 1;",
        "least = 0;",
        "a long call of ReLU keeps the GIL and sees no signal",
        ("tests/threads/test_num_threads.py",),
    ),
    Mutant(
        "the interpreter ends while others compute",
        "cpp/bindings/gil.cpp",
        "while (inside > inside_here)",
        "while (inside < inside_here)",
        "a daemon thread that asks for the GIL then ends the process",
        ("tests/threads/test_interpreter.py",),
    ),
    # ---- the caller's floating-point environment ----
    Mutant(
        "environment not put back",
        "cpp/machine/float_environment.hpp",
        "FloatControl::write(found_);",
        "FloatControl::write(FloatControl::standard);",
        "the caller's rounding mode is lost",
    ),
    Mutant(
        "environment of rows",
        "cpp/network/network.cpp",
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
        "cpp/network/feature_table.cpp",
        "const StandardFloatEnvironment environment;  // or",
        "// or",
        "a normalisation's values are rounded as the caller's thread rounds",
        ("tests/contract/test_float_environment.py",),
    ),
    Mutant(
        "environment of panels",
        "cpp/network/network.cpp",
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
        "cpp/network/unpacked.cpp",
        """\
            const StandardFloatEnvironment environment;
            T* const packed = workspace""",
        """\
            T* const packed = workspace""",
        "the same for weights that are packed in a call",
    ),
)
