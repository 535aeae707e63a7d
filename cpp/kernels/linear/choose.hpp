// All rules that choose a kernel for a layer, or for a product of plain arrays.
#pragma once

#include "kernels/layout/pack.hpp"
#include "kernels/linear/fortran_row.hpp"
#include "kernels/linear/neighbours.hpp"
#include "kernels/linear/one_row.hpp"
#include "kernels/linear/tile.hpp"

namespace forwardpass {
namespace {

// Runs the last panel of a layer if its outputs are rows (panel.hpp).
template <class V>
void panel_of_rows(const Panel<Element<V>>& panel) noexcept {
    using T = Element<V>;
    const Index depth = panel.layer.depth;
    const T* const rows = panel.at + padded<T>(panel.outputs);
    neighbours<V>({panel.rows.x, panel.rows.x_row_stride, rows, padded<T>(depth), depth, panel.at,
                   panel.layer.activation, panel.y, panel.rows.y_row_stride},
                  panel.rows.rows, panel.outputs);
}

// Elements from one row of x in chain order to the next. One more line: rows a power of two apart share cache sets.
template <class T>
constexpr Index chain_order_stride(Index depth) noexcept {
    return padded<T>(depth) + line_elements<T>;
}

// Elements of scratch for each row: sums so far of a superblock, of a group, and the totals; and x in chain order.
template <class V>
Index scratch_per_row(Index depth, bool from_memory) noexcept {
    if (chain_count(depth) == few_chains) return 0;
    return 3 * panel_outputs<V> + (from_memory ? chain_order_stride<Element<V>>(depth) : 0);
}

// A packed layer over some rows.
template <class V>
void packed_linear(const PackedLinear<Element<V>>& a, const Batch<Element<V>>& batch, Element<V>* scratch) noexcept {
    using T = Element<V>;
    const Panels<T> panels = panels_of<V>(a.depth, a.outputs);
    if (batch.rows == 0) return;
    Index left = batch.rows == 1 ? one_row<V>(a, batch.x, batch.y) : a.outputs;
    if (left < a.outputs) finish_late<V>(a.activation, batch.y, 0, 1, a.outputs - left);
    Batch<T> ordered = batch;
    const bool streaming = a.from_memory && batch.rows > 1 && a.outputs >= 2 * panel_outputs<V>;
    if (streaming && chain_count(a.depth) == many_chains) {
        // In the caller's order each chain would read all lines of x, while weights come from memory [log 12].
        ordered.x = scratch;
        ordered.x_row_stride = chain_order_stride<T>(a.depth);
        for (Index r = 0; r < batch.rows; ++r, scratch += ordered.x_row_stride)
            to_chain_order<typename LanesUpTo<V, many_chains>::Type>(batch.x + r * batch.x_row_stride, a.depth,
                                                                     scratch);
    }
    for (; left > 0; left -= panel_outputs<V>) {
        const Index first = a.outputs - left;
        const Index outputs = left < panel_outputs<V> ? left : panel_outputs<V>;
        const bool wide = outputs > panel_outputs<V> - V::lanes;
        Panel<T> panel{a,
                       streaming && wide ? ordered : batch,
                       a.panels + panels.offset(first / panel_outputs<V>),
                       outputs,
                       panels.stride(outputs),
                       batch.y + first,
                       scratch};
        if (panels.are_rows(panel.outputs)) {
            panel_of_rows<V>(panel);
            continue;
        }
        tiles<V>(panel, streaming);
        finish_late<V>(a.activation, panel.y, batch.y_row_stride, batch.rows, panel.outputs);
    }
}

// Rows against weights as NumPy holds them.
template <class V>
void unpacked_linear(const UnpackedRows<Element<V>>& a) noexcept {
    using T = Element<V>;
    if (a.depth_stride == 1 && a.depth > 0)
        return neighbours<V>(
            {a.x, a.x_row_stride, a.w, a.output_stride, a.depth, a.bias, a.activation, a.y, a.y_row_stride}, a.rows,
            a.outputs);
    for (Index r = 0; r < a.rows; ++r)
        for (Index j = 0; j < a.outputs; j += outputs_in_l1<T>) {
            const Index left = a.outputs - j;
            fortran_row<V>({a.w + j, a.depth_stride, a.x + r * a.x_row_stride, a.depth,
                            left < outputs_in_l1<T> ? left : outputs_in_l1<T>},
                           a.bias ? a.bias + j : nullptr, a.activation, a.y + r * a.y_row_stride + j);
        }
}

}  // namespace
}  // namespace forwardpass
