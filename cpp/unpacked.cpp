#include "unpacked.hpp"

#include <algorithm>

#include "aligned_buffer.hpp"
#include "cpu.hpp"
#include "float_environment.hpp"
#include "kernels/panel.hpp"
#include "sharing.hpp"

namespace forwardpass {
namespace {

// Packing a panel costs about as much as running 3 rows through it (benchmarks/kernels.py).
constexpr Index few_rows = 3;

// Multiplications of one packed panel's rows: 2 ms at 50 GFMA/s, 0.3 s without vectors.
constexpr Index work_of_chunk = Index{1} << 27;

// Outputs that a thread takes at once, at least.
template <class T>
constexpr Index outputs_of_chunk = 4 * line_elements<T>;

// Rows whose sums wait in scratch memory together.
constexpr Index rows_at_once = 180;

template <class T>
bool runs_in_place(const Kernels<T>& kernels, const UnpackedLinear<T>& a) {
    (void)kernels;
    return a.rows <= few_rows && (a.weights.depth_stride == 1 || a.weights.output_stride == 1);
}

// Row by row, from the weights where they are; threads read different outputs' weights.
template <class T, class Stop>
bool run_in_place(const Kernels<T>& kernels, const UnpackedLinear<T>& a, const Sharing& sharing, Stop& stop) {
    const Index each = std::max(outputs_of_chunk<T>, padded<T>(a.outputs / sharing.chunks()));
    const Index chunks = (a.outputs + each - 1) / each;
    return run_chunks(
        chunks, sharing.threads, sharing.wakes,
        [&](Index chunk, int) noexcept {
            const StandardFloatEnvironment environment;
            const Index first = chunk * each, outputs = std::min(each, a.outputs - first);
            kernels.unpacked_linear({a.weights.w + first * a.weights.output_stride, a.weights.output_stride,
                                     a.weights.depth_stride, a.weights.bias ? a.weights.bias + first : nullptr, a.depth,
                                     outputs, a.activation, a.x, a.x_row_stride, a.y + first, a.y_row_stride, a.rows});
        },
        stop);
}

// Panel by panel, each packed when its turn comes.
template <class T, class Stop>
bool run_packing(const Kernels<T>& kernels, const UnpackedLinear<T>& a, const Sharing& sharing, Stop& stop) {
    const Panels<T> layout{a.depth, a.outputs, kernels.panel_outputs, kernels.lanes};
    const Index widest = std::min(a.outputs, layout.width);
    const Index elements = padded<T>(layout.largest());
    const Index scratch = kernels.scratch_per_row(a.depth, widest) * std::min(a.rows, rows_at_once);
    const Index distance = elements + padded<T>(scratch);
    AlignedBuffer<T> buffer(checked_product(distance, sharing.threads));

    // So many rows that packing costs little, so few that an interrupt is seen.
    const Index rows_each = std::max<Index>(1, work_of_chunk / std::max<Index>(1, a.depth * widest));
    const Index row_chunks = (a.rows + rows_each - 1) / rows_each;
    const bool cold = a.rows * a.depth * static_cast<Index>(sizeof(T)) > tuning().cached_bytes;
    return run_chunks(
        layout.count() * row_chunks, sharing.threads, sharing.wakes,
        [&](Index chunk, int thread) noexcept {
            const StandardFloatEnvironment environment;
            T* const packed = buffer.data() + thread * distance;
            const Index panel = chunk / row_chunks, row = chunk % row_chunks * rows_each;
            const Index first = layout.first_output(panel), outputs = layout.outputs_in(panel);
            kernels.pack_panel(a.weights, a.depth, first, outputs, packed);
            const Index end = std::min(row + rows_each, a.rows);
            for (Index r = row; r < end; r += rows_at_once)
                kernels.linear({packed, a.depth, outputs, a.activation, false},
                               {a.x + r * a.x_row_stride, a.x_row_stride, a.y + r * a.y_row_stride + first,
                                a.y_row_stride, std::min(rows_at_once, end - r), a.depth, cold},
                               packed + elements);
        },
        stop);
}

}  // namespace

template <class T>
bool run_unpacked(const Kernels<T>& kernels, const UnpackedLinear<T>& a, Interrupted interrupted) {
    const Sharing sharing(a.depth * a.outputs, a.rows, a.threads);
    Looks stop(interrupted, a.depth * kernels.panel_outputs * a.rows);
    return runs_in_place(kernels, a) ? run_in_place(kernels, a, sharing, stop) : run_packing(kernels, a, sharing, stop);
}

template bool run_unpacked(const Kernels<float>&, const UnpackedLinear<float>&, Interrupted);
template bool run_unpacked(const Kernels<double>&, const UnpackedLinear<double>&, Interrupted);

}  // namespace forwardpass
