#include "unpacked.hpp"

#include <algorithm>

#include "aligned_buffer.hpp"
#include "cpu.hpp"
#include "float_environment.hpp"
#include "kernels/slices.hpp"
#include "sharing.hpp"

namespace forwardpass {
namespace {

// Packing a panel costs about as much as running 3 rows through it (benchmarks/kernels.py).
constexpr Index few_rows = 3;

// Multiplications of one packed panel's rows: 2 ms at 50 GFMA/s, 0.3 s without vectors.
constexpr Index work_of_chunk = Index{1} << 27;

// Rows whose sums wait in scratch memory together.
constexpr Index rows_at_once = 180;

template <class T>
bool runs_in_place(const Kernels<T>& kernels, const UnpackedLinear<T>& a) {
    const bool lanes_are_outputs = a.weights.output_stride == 1 && a.outputs >= kernels.lanes;
    return a.rows <= few_rows && (a.weights.depth_stride == 1 || lanes_are_outputs);
}

// Row by row, from the weights where they are; threads read different outputs' weights.
template <class T, class Stop>
bool run_in_place(const Kernels<T>& kernels, const UnpackedLinear<T>& a, const Sharing& sharing, Stop& stop) {
    // The last chunk takes what is left as well, so that none has fewer outputs than lanes.
    const Index each = std::max(panel_outputs<T>, a.outputs / sharing.chunks() / panel_outputs<T> * panel_outputs<T>);
    const Index chunks = std::max<Index>(1, a.outputs / each);
    return run_chunks(
        chunks, sharing.threads, sharing.wakes,
        [&](Index chunk, int) noexcept {
            const StandardFloatEnvironment environment;
            const Index first = chunk * each, outputs = chunk + 1 < chunks ? each : a.outputs - first;
            for (Index r = 0; r < a.rows; ++r)
                kernels.unpacked_row({a.weights.w + first * a.weights.output_stride, a.weights.output_stride,
                                      a.weights.depth_stride, a.weights.bias ? a.weights.bias + first : nullptr,
                                      a.depth, outputs, a.activation, a.x + r * a.x_row_stride,
                                      a.y + r * a.y_row_stride + first});
        },
        stop);
}

// Panel by panel, each packed when its turn comes.
template <class T, class Stop>
bool run_packing(const Kernels<T>& kernels, const UnpackedLinear<T>& a, const Sharing& sharing, Stop& stop) {
    const Index widest = std::min(a.outputs, panel_outputs<T>);
    const Index elements = packed_elements<T>(a.depth, widest) + packed_slack<T>;
    const Index scratch = scratch_elements<T>(a.depth, std::min(a.rows, rows_at_once));
    const Index distance = padded<T>(elements) + padded<T>(scratch);
    AlignedBuffer<T> buffer(checked_product(distance, sharing.threads));
    for (int thread = 0; thread < sharing.threads; ++thread)
        std::fill_n(buffer.data() + thread * distance + elements - packed_slack<T>, packed_slack<T>, T{0});

    // So many rows that packing costs little, so few that an interrupt is seen.
    const Index rows_each = std::max<Index>(1, work_of_chunk / std::max<Index>(1, a.depth * widest));
    const Index row_chunks = (a.rows + rows_each - 1) / rows_each;
    const bool cold = a.rows * a.depth * static_cast<Index>(sizeof(T)) > cached_bytes;
    return run_chunks(
        panel_count<T>(a.outputs) * row_chunks, sharing.threads, sharing.wakes,
        [&](Index chunk, int thread) noexcept {
            const StandardFloatEnvironment environment;
            T* const packed = buffer.data() + thread * distance;
            const Index panel = chunk / row_chunks, row = chunk % row_chunks * rows_each;
            const Index first = panel * panel_outputs<T>, outputs = outputs_in_panel<T>(a.outputs, panel);
            kernels.pack_panel(a.weights, a.depth, first, outputs, packed);
            const Index end = std::min(row + rows_each, a.rows);
            for (Index r = row; r < end; r += rows_at_once)
                kernels.linear({packed, a.depth, outputs, a.activation, false, turns_blocks()},
                               {a.x + r * a.x_row_stride, a.x_row_stride, a.y + r * a.y_row_stride + first,
                                a.y_row_stride, std::min(rows_at_once, end - r), a.depth, cold},
                               packed + padded<T>(elements));
        },
        stop);
}

}  // namespace

template <class T>
bool run_unpacked(const Kernels<T>& kernels, const UnpackedLinear<T>& a, Interrupted interrupted) {
    const Sharing sharing(a.depth * a.outputs, a.rows, a.threads);
    Looks stop(interrupted, a.depth * panel_outputs<T> * a.rows);
    return runs_in_place(kernels, a) ? run_in_place(kernels, a, sharing, stop) : run_packing(kernels, a, sharing, stop);
}

template bool run_unpacked(const Kernels<float>&, const UnpackedLinear<float>&, Interrupted);
template bool run_unpacked(const Kernels<double>&, const UnpackedLinear<double>&, Interrupted);

}  // namespace forwardpass
