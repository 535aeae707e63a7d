#include "unpacked.hpp"

#include <algorithm>

#include "aligned_buffer.hpp"
#include "float_environment.hpp"
#include "kernels/panel.hpp"

namespace forwardpass {
namespace {

// Packing a panel costs about as much as running 3 rows through it (benchmarks/kernels.py).
constexpr Index few_rows = 3;

template <class T>
bool rows_one_by_one(const Kernels<T>& kernels, const UnpackedLinear<T>& a) {
    const bool lanes_are_outputs = a.weights.output_stride == 1 && a.outputs >= kernels.lanes;
    if (a.rows > few_rows || !(a.weights.depth_stride == 1 || lanes_are_outputs)) return false;
    for (Index r = 0; r < a.rows; ++r)
        kernels.unpacked_row({a.weights.w, a.weights.output_stride, a.weights.depth_stride, a.weights.bias, a.depth,
                              a.outputs, a.activation, a.x + r * a.x_row_stride, a.y + r * a.y_row_stride});
    return true;
}

}  // namespace

template <class T>
bool run_unpacked(const Kernels<T>& kernels, const UnpackedLinear<T>& a, Interrupted interrupted) {
    const StandardFloatEnvironment environment;
    if (rows_one_by_one(kernels, a)) return true;

    const Index widest = packed_width<T>(std::min(a.outputs, panel_outputs<T>));
    const Index elements = checked_product(a.depth + 1, widest) + packed_slack<T>;
    AlignedBuffer<T> panel(elements);
    std::fill_n(panel.data() + elements - packed_slack<T>, packed_slack<T>, T{0});
    const Index work_per_row = std::max<Index>(1, a.depth * widest);
    const Index chunk = std::max<Index>(1, work_between_looks / work_per_row);
    Index work = 0;
    for (Index p = 0; p < panel_count<T>(a.outputs); ++p) {
        const Index first = p * panel_outputs<T>, count = outputs_in_panel<T>(a.outputs, p);
        kernels.pack_panel(a.weights, a.depth, first, count, panel.data());
        for (Index row = 0; row < a.rows; row += chunk) {
            const Index rows = std::min(chunk, a.rows - row);
            kernels.linear({panel.data(), a.depth, count, a.activation, a.x + row * a.x_row_stride, a.x_row_stride,
                            a.y + row * a.y_row_stride + first, a.y_row_stride, rows});
            work += rows * work_per_row;
            if (work >= work_between_looks) {
                if (interrupted()) return false;
                work = 0;
            }
        }
    }
    return true;
}

template bool run_unpacked(const Kernels<float>&, const UnpackedLinear<float>&, Interrupted);
template bool run_unpacked(const Kernels<double>&, const UnpackedLinear<double>&, Interrupted);

}  // namespace forwardpass
