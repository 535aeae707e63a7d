// A packed layer over some rows: which kernel each panel gets, and the fused activation.
#pragma once

#include "activations.hpp"
#include "block_lanes.hpp"
#include "contract.hpp"
#include "few_outputs.hpp"
#include "one_row.hpp"
#include "panel.hpp"
#include "tiles.hpp"

namespace forwardpass {
namespace {

// Whether blocks in the lanes are better than rows there, one output and rows enough given: on some CPUs (cpu.hpp), if
// a group is one register. Not if they did more than an eighth again for nothing: 64 rows of 700 x 1 take 2.6 us, with
// rows in the lanes 1.8 (Zen 5). And always for rows 4 KB apart, which meet in one set of L1 and drive each other out:
// 64 rows of 1024 x 1 took 7.9 us with rows in the lanes, 4.6 with blocks there (Zen 4).
template <class V>
bool blocks_are_better(const PackedLinear<typename V::Element>& a, Index x_row_stride) noexcept {
    using T = typename V::Element;
    const Index lanes = block_groups<T>(a.depth) * panel_alignment<T>, blocks = cut_into_blocks(a.depth).full;
    return (a.blocks_in_lanes && one_chain<V> && 8 * lanes <= 9 * blocks) ||
           x_row_stride * static_cast<Index>(sizeof(T)) % 4096 == 0;
}

// One output with blocks enough to fill lanes: blocks in the lanes, or rows, and blocks for those that are left over.
// Floats in half as many lanes, of which blocks run side by side: 16 rows of 10000 x 1 take 9.2 us, in all lanes 10.1,
// and 64 rows 40 and 42. Not x from memory, 1024 rows of which take 1.9 ms in half the lanes and 1.2 in all; nor
// doubles, 64 rows of which take 81 us and 73 (AVX-512, Zen 4).
template <class V>
void deep_output(const Panel<typename V::Element>& panel) noexcept {
    using Half = typename V::Half;
    const Batch<typename V::Element>& rows = panel.rows;
    const bool in_lanes = fills_lanes<V>(1, rows.rows) && !blocks_are_better<V>(panel.layer, rows.x_row_stride);
    const Index end = in_lanes ? rows.rows - rows.rows % Half::lanes : 0;
    const Index whole = rows.cold || V::unit == 2 ? end - end % V::lanes : 0;
    rows_in_lanes<V, true>(panel, 0, whole);
    rows_in_lanes<Half, true>(panel, whole, end);
    block_lanes<V>(panel, end);
}

template <class V>
void packed_linear(const PackedLinear<typename V::Element>& a, const Batch<typename V::Element>& batch,
                   typename V::Element* scratch) noexcept {
    using T = typename V::Element;
    if (batch.rows == 1) return one_row<V>(a, batch);
    if (batch.rows == 0) return;
    Panel<T> panel{a, batch, a.panels, 0, batch.y};
    for (Index left = a.outputs; left > 0; left -= panel_outputs<T>) {
        panel.outputs = left < panel_outputs<T> ? left : panel_outputs<T>;
        if (panel.outputs == 1 && block_groups<T>(a.depth) > 0) deep_output<V>(panel);
        else if (fills_lanes<V>(panel.outputs, batch.rows)) few_outputs<V>(panel);
        else tiles<V>(panel, scratch);
        if (!fits_registers(a.activation))
            for (Index r = 0; r < batch.rows; ++r) {
                T* const y = panel.y + r * batch.y_row_stride;
                activate<V>(a.activation, y, y, panel.outputs);
            }
        panel.at += panel_offset<T>(a.depth, 1);
        panel.y += panel_outputs<T>;
    }
}

}  // namespace
}  // namespace forwardpass
