// A packed layer over some rows: which tiles cover it, and the fused epilogue.
#pragma once

#include "activations.hpp"
#include "contract.hpp"
#include "panel.hpp"
#include "tile.hpp"
#include "unpacked_row.hpp"

namespace forwardpass {
namespace {

// The most rows of a tile. 16 registers hold 5 x 2 chains, 2 weights and 1 input: 5 x 2 reached
// 89 % of the FMA peak where 6 x 2 reached 84 % (Zen 3, K = 256; the 12 sums stored after each block
// stand in the way of the FMAs). 32 registers hold 6 x 4 chains, 4 weights and 1 input.
template <class V>
constexpr int max_rows = V::registers == 32 ? 6 : 5;

template <class V>
constexpr int tile_vectors(int rows) noexcept {
    if (rows == 1) return 8;           // a whole panel of 256 bytes in 32-byte vectors
    if (V::registers == 32) return 4;  // 8 x 2 for 8 rows at once gains 3 % at K = 256 and loses 8 % at 64
    return rows <= 3 ? 4 : 2;          // 3 x 4 chains, 3 inputs, 1 weight: 16
}

template <class T>
struct PanelRows {
    const T* panel;
    Index width;    // elements from one k to the next
    Index outputs;  // outputs of this panel, without padding
    Blocks blocks;  // of the depth
    Activation activation;
    const T* x;
    Index x_row_stride;
    T* y;
    Index y_row_stride;
};

// A finished tile: bias and activation added on the way out.
template <class V, int rows, int vectors>
FORWARDPASS_INLINE void store_tile(const PanelRows<typename V::Element>& a, Index first,
                                   const Sums<V, rows, vectors>& sums) noexcept {
    const Index left = a.outputs - first;
    for (int v = 0; v < vectors; ++v) {
        const auto bias = V::load(a.panel + first + v * V::lanes);
        for (int r = 0; r < rows; ++r) {
            const auto y = activated<V>(a.activation, V::add(sums.load(r, v), bias));
            typename V::Element* const to = a.y + r * a.y_row_stride + first + v * V::lanes;
            if (v + 1 < vectors || left >= vectors * V::lanes) V::store(to, y);
            else V::store_partial(to, y, left - v * V::lanes);
        }
    }
}

template <class V, int rows, int vectors>
FORWARDPASS_INLINE void linear_tile(const PanelRows<typename V::Element>& a, Index first) noexcept {
    Sums<V, rows, vectors> sums;
    product({a.x, a.x_row_stride, a.panel + a.width + first, a.width}, a.blocks, sums);
    store_tile(a, first, sums);
}

// Covers the panel from output `first` on with tiles `vectors` wide, then half as wide, ...
template <class V, int rows, int vectors>
void panel_rows(const PanelRows<typename V::Element>& a, Index first) noexcept {
    const Index padded_outputs = (a.outputs + V::lanes - 1) / V::lanes * V::lanes;
    for (; padded_outputs - first >= vectors * V::lanes; first += vectors * V::lanes)
        linear_tile<V, rows, vectors>(a, first);
    if constexpr (vectors > 1) panel_rows<V, rows, vectors / 2>(a, first);
}

template <class V, int rows>
void some_panel_rows(const PanelRows<typename V::Element>& a, Index count) noexcept {
    if (count == rows) panel_rows<V, rows, tile_vectors<V>(rows)>(a, 0);
    else if constexpr (rows > 1) some_panel_rows<V, rows - 1>(a, count);
}

template <class V>
void packed_linear(const PackedLinear<typename V::Element>& a) noexcept {
    using T = typename V::Element;
    // Rows are dealt out evenly (7 = 4 + 3, not 5 + 2 or 6 + 1), so that no row count falls off a cliff.
    const Blocks blocks = cut_into_blocks(a.depth);
    // One output: its panel is its row of the weight, and lanes hold blocks. 10000 x 1: 4.9 us became 1.5.
    if (a.outputs == 1 && blocks.full >= V::lanes && V::lanes > 1) {
        for (Index r = 0; r < a.rows; ++r)
            unpacked_row<V>({a.panels + 1, a.depth, 1, a.panels, a.depth, 1, a.activation, a.x + r * a.x_row_stride,
                             a.y + r * a.y_row_stride});
        return;
    }
    const Index tiles = (a.rows + max_rows<V> - 1) / max_rows<V>;
    for (Index panel = 0; panel < panel_count<T>(a.outputs); ++panel) {
        const Index outputs = outputs_in_panel<T>(a.outputs, panel);
        PanelRows<T> at{a.panels + panel_offset<T>(a.depth, panel),
                        panel_width<T>(outputs),
                        outputs,
                        blocks,
                        a.activation,
                        a.x,
                        a.x_row_stride,
                        a.y + panel * panel_outputs<T>,
                        a.y_row_stride};
        for (Index tile = 0; tile < tiles; ++tile) {
            const Index rows = (a.rows + tile) / tiles;
            some_panel_rows<V, max_rows<V>>(at, rows);
            at.x += rows * a.x_row_stride;
            at.y += rows * a.y_row_stride;
        }
    }
}

}  // namespace
}  // namespace forwardpass
