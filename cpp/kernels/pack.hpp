// Filling one panel (panel.hpp) from a strided matrix.
#pragma once

#include "block_lanes.hpp"
#include "panel.hpp"
#include "transpose.hpp"

namespace forwardpass {
namespace {

template <class V>
void pack_panel(const WeightSource<typename V::Element>& source, Index depth, Index first, Index count,
                typename V::Element* panel) noexcept {
    using T = typename V::Element;
    const Index width = panel_width<T>(count);
    for (Index j = 0; j < width; ++j)
        panel[j] = j >= count ? T{0} : source.bias ? source.bias[first + j] : static_cast<T>(-0.0);

    T* const rows = panel + width;
    const T* const w = source.w + first * source.output_stride;
    Index j = 0;
    if (source.depth_stride == 1) {
        for (; j + V::lanes <= count; j += V::lanes) {
            const T* const from = w + j * source.output_stride;
            Index k = 0;
            for (; k + V::unit <= depth; k += V::unit) {
                typename V::Register step[V::unit];
                load_transposed<V>(from + k, source.output_stride, step);
                for (Index i = 0; i < V::unit; ++i) V::store(rows + (k + i) * width + j, step[i]);
            }
            for (; k < depth; ++k) V::store(rows + k * width + j, load_column<V>(from + k, source.output_stride));
        }
    }
    for (Index k = 0; k < depth; ++k) {
        const T* const from = w + k * source.depth_stride;
        for (Index i = j; i < count; ++i) rows[k * width + i] = from[i * source.output_stride];
        for (Index i = count; i < width; ++i) rows[k * width + i] = 0;
    }
    if (count == 1) pack_block_lanes(rows, depth, panel + first_group<T>(depth));
}

}  // namespace
}  // namespace forwardpass
