// Filling one panel (panel.hpp) from a strided matrix.
#pragma once

#include "block_lanes.hpp"
#include "panel.hpp"
#include "transpose.hpp"

namespace forwardpass {
namespace {

// V::lanes outputs, `units` times V::unit steps of k. All parts of a cache line are loaded one after another: rows of w
// a power of two apart share a cache set, which cannot keep V::lanes of them for later (1024 x 1024: 304 us became
// 210).
template <class V, int units>
FORWARDPASS_INLINE void pack_units(const typename V::Element* w, Index row_stride, typename V::Element* to,
                                   Index width) noexcept {
    typename V::Register rows[units][V::unit], steps[V::unit];
    unrolled<V::unit>([&](auto i) FORWARDPASS_UNROLLED {
        unrolled<units>([&](auto u)
                            FORWARDPASS_UNROLLED { rows[u][i] = V::load_rows(w + u * V::unit, row_stride, i); });
    });
    unrolled<units>([&](auto u) FORWARDPASS_UNROLLED {
        transpose_parts<V>(rows[u], steps);
        unrolled<V::unit>([&](auto i) FORWARDPASS_UNROLLED { V::store(to + (u * V::unit + i) * width, steps[i]); });
    });
}

template <class V>
void pack_panel(const WeightSource<typename V::Element>& source, Index depth, Index first, Index count,
                typename V::Element* panel) noexcept {
    using T = typename V::Element;
    constexpr int units = V::registers == 32 ? 4 : 2;
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
            for (; k + units * V::unit <= depth; k += units * V::unit)
                pack_units<V, units>(from + k, source.output_stride, rows + k * width + j, width);
            for (; k + V::unit <= depth; k += V::unit)
                pack_units<V, 1>(from + k, source.output_stride, rows + k * width + j, width);
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
