#include "network/unpacked.hpp"

#include <algorithm>
#include <vector>

#include "machine/cpu.hpp"
#include "machine/float_environment.hpp"
#include "network/workspace.hpp"

namespace forwardpass {
namespace {

// Packing a panel costs about as much as running 3 rows through it (benchmarks/kernels.py).
constexpr Index few_rows = 3;

// Multiplications of a chunk. Ctrl-C waits for the end of one, and must not wait for seconds, even without vectors.
constexpr Index work_of_chunk = Index{1} << 28;

// Rows that pass over packed panels together.
constexpr Index rows_at_once = 256;

// The least outputs that a thread takes at once.
template <class T>
constexpr Index outputs_of_chunk = 4 * line_elements<T>;

// a / b rounded up.
constexpr Index ceiling(Index a, Index b) noexcept { return (a + b - 1) / b; }

template <class T>
bool runs_in_place(const UnpackedLinear<T>& a) {
    return a.rows <= few_rows && (a.weights.depth_stride == 1 || a.weights.output_stride == 1);
}

// Reads the weights where they are. Each thread reads the weights of other outputs.
template <class T>
bool run_in_place(const Kernels<T>& kernels, const UnpackedLinear<T>& a, const Sharing& sharing,
                  Interrupted interrupted) {
    const Index most = work_of_chunk / std::max<Index>(1, a.depth * a.rows);
    const Index each = std::max(outputs_of_chunk<T>, padded<T>(std::min(a.outputs / sharing.chunks(), most)));
    InterruptPoll poll(interrupted, a.depth * std::min(each, a.outputs) * a.rows);
    return run_chunks(
        ceiling(a.outputs, each), sharing.threads, sharing.wakes,
        [&](Index chunk, int) noexcept {
            const StandardFloatEnvironment environment;
            const Index first = chunk * each;
            const WeightSource<T> part = a.weights.from(first);
            kernels.unpacked_linear({part.w, part.output_stride, part.depth_stride, part.bias, a.depth,
                                     std::min(each, a.outputs - first), a.activation, a.x, a.x_row_stride, a.y + first,
                                     a.y_row_stride, a.rows});
        },
        poll);
}

// The most bytes that are packed at once. Most weights fit, so x is read once for all of them.
constexpr Index packed_bytes = Index{16} << 20;

// Packs so many bytes of panels at once, or each thread's share, and runs rows through them.
template <class T>
bool run_packing(const Kernels<T>& kernels, const UnpackedLinear<T>& a, const Sharing& sharing,
                 Interrupted interrupted) {
    const Index width = kernels.panel_outputs, panels = ceiling(a.outputs, width);
    const Index bytes = width * std::max<Index>(1, a.depth) * static_cast<Index>(sizeof(T));
    const Index panels_each = std::clamp<Index>(packed_bytes / bytes, 1, ceiling(panels, sharing.threads));
    const Index outputs_each = panels_each * width, output_chunks = ceiling(a.outputs, outputs_each);
    const Index outputs_packed = std::min(a.outputs, outputs_each);

    // Enough rows that packing costs little, but few enough that Ctrl-C is seen and that all threads get some.
    const Index rows_of_work = work_of_chunk / std::max<Index>(1, a.depth * outputs_packed);
    Index rows_each = std::max<Index>(rows_of_work, kernels.lanes == 1 ? 1 : rows_at_once);
    if (sharing.threads > 1)
        rows_each = std::min(rows_each, std::max(4 * few_rows, ceiling(a.rows * output_chunks, sharing.chunks())));
    const Index row_chunks = ceiling(a.rows, rows_each), chunks = output_chunks * row_chunks;
    const Index threads = std::min<Index>(sharing.threads, chunks);
    InterruptPoll poll(interrupted, a.depth * outputs_packed * std::min(rows_each, a.rows));

    // The last outputs may be rows, which take more than a panel where there are few inputs.
    const Index last_outputs = a.outputs - (output_chunks - 1) * outputs_each;
    const Index elements = padded<T>(
        std::max(kernels.packed_elements(a.depth, outputs_packed), kernels.packed_elements(a.depth, last_outputs)));
    const bool far = !fits(Cache::l2, elements * static_cast<Index>(sizeof(T)));
    const Index scratch = kernels.scratch_per_row(a.depth, far) * std::min(a.rows, rows_at_once);
    const Index distance = elements + padded<T>(scratch);
    Workspace<T> workspace(checked_product(distance, threads));
    const bool x_from_memory = !fits(Cache::any, a.rows * a.depth * static_cast<Index>(sizeof(T)));
    std::vector<Index> packed_first(static_cast<std::size_t>(threads), -1);  // by each thread
    return run_chunks(
        chunks, static_cast<int>(threads), sharing.wakes,
        [&](Index chunk, int thread) noexcept {
            const StandardFloatEnvironment environment;
            T* const packed = workspace.data() + thread * distance;
            const Index row = chunk % row_chunks * rows_each, end = std::min(row + rows_each, a.rows);
            const Index first = chunk / row_chunks * outputs_each, outputs = std::min(outputs_each, a.outputs - first);
            Index& packed_here = packed_first[static_cast<std::size_t>(thread)];
            if (packed_here != first) kernels.pack(a.weights.from(first), a.depth, outputs, packed);
            packed_here = first;
            for (Index r = row; r < end; r += rows_at_once)
                kernels.linear({packed, a.depth, outputs, a.activation, far},
                               {a.x + r * a.x_row_stride, a.x_row_stride, a.y + r * a.y_row_stride + first,
                                a.y_row_stride, std::min(rows_at_once, end - r), a.depth, x_from_memory},
                               packed + elements);
        },
        poll);
}

}  // namespace

template <class T>
bool run_unpacked(const Kernels<T>& kernels, const UnpackedLinear<T>& a, Interrupted interrupted) {
    if (a.rows == 0 || a.outputs == 0) return true;
    const Sharing sharing(a.depth * a.outputs, a.rows, a.threads);
    return runs_in_place(a) ? run_in_place(kernels, a, sharing, interrupted)
                            : run_packing(kernels, a, sharing, interrupted);
}

template bool run_unpacked(const Kernels<float>&, const UnpackedLinear<float>&, Interrupted);
template bool run_unpacked(const Kernels<double>&, const UnpackedLinear<double>&, Interrupted);

}  // namespace forwardpass
