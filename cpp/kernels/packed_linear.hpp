// A packed layer over some rows: which tiles cover it, and the fused epilogue.
#pragma once

#include "activations.hpp"
#include "contract.hpp"
#include "panel.hpp"
#include "tile.hpp"

namespace forwardpass {
namespace {

// 6 rows x 2 vectors is 12 sums, 1 weight and up to 6 broadcasts that may stay memory operands in
// 16 registers; 6 x 4 is 24 sums in 32. Rows share each load of a weight: with 6 of them the loads
// (8 for 12 FMAs, 10 for 24) stay below the two a cycle that L1 gives.
constexpr int max_tile_rows = 6;

template <class V>
constexpr int tile_vectors(int rows) noexcept {
    if (rows == 1) return 8;             // a whole panel of 256 bytes in 32-byte vectors
    if (V::registers == 32) return 4;
    return rows <= 3 ? 4 : 2;            // 3 x 4 sums, 3 broadcasts, 1 weight: 16
}

template <class T>
struct PanelRows {
    const T* panel;
    Index width;      // elements from one k to the next
    Index outputs;    // outputs of this panel, without padding
    Index depth;
    Activation activation;
    const T* x;
    Index x_row_stride;
    T* y;
    Index y_row_stride;
};

template <class V, int rows, int vectors>
FORWARDPASS_INLINE void store_tile(const PanelRows<typename V::Element>& a, Index first) noexcept {
    const auto total = product<V, rows, vectors>(
        {a.x, a.x_row_stride, a.panel + a.width + first, a.width}, a.depth);
    for (int v = 0; v < vectors; ++v) {
        const Index output = first + v * V::lanes;
        const auto bias = V::load(a.panel + output);
        for (int r = 0; r < rows; ++r) {
            const auto y = activated<V>(a.activation, V::add(total.sum[r][v], bias));
            auto* to = a.y + r * a.y_row_stride + output;
            if (output + V::lanes <= a.outputs) V::store(to, y);
            else V::store_partial(to, y, a.outputs - output);
        }
    }
}

// Covers the panel from output `first` on with tiles `vectors` wide, then half as wide, ...
template <class V, int rows, int vectors>
void panel_rows(const PanelRows<typename V::Element>& a, Index first) noexcept {
    const Index padded_outputs = (a.outputs + V::lanes - 1) / V::lanes * V::lanes;
    for (; padded_outputs - first >= vectors * V::lanes; first += vectors * V::lanes)
        store_tile<V, rows, vectors>(a, first);
    if constexpr (vectors > 1) panel_rows<V, rows, vectors / 2>(a, first);
}

template <class V>
void some_panel_rows(const PanelRows<typename V::Element>& a, Index rows) noexcept {
    switch (rows) {
        case 1: return panel_rows<V, 1, tile_vectors<V>(1)>(a, 0);
        case 2: return panel_rows<V, 2, tile_vectors<V>(2)>(a, 0);
        case 3: return panel_rows<V, 3, tile_vectors<V>(3)>(a, 0);
        case 4: return panel_rows<V, 4, tile_vectors<V>(4)>(a, 0);
        case 5: return panel_rows<V, 5, tile_vectors<V>(5)>(a, 0);
        default: return panel_rows<V, 6, tile_vectors<V>(6)>(a, 0);
    }
}

template <class V>
void packed_linear(const PackedLinear<typename V::Element>& a) noexcept {
    using T = typename V::Element;
    // Rows are dealt out evenly (7 = 4 + 3, not 6 + 1), so that no row count falls off a cliff.
    const Index tiles = (a.rows + max_tile_rows - 1) / max_tile_rows;
    for (Index panel = 0; panel < panel_count<T>(a.outputs); ++panel) {
        const Index outputs = outputs_in_panel<T>(a.outputs, panel);
        PanelRows<T> at{a.panels + panel_offset<T>(a.depth, panel), padded<T>(outputs), outputs, a.depth,
                        a.activation, a.x, a.x_row_stride, a.y + panel * panel_outputs<T>, a.y_row_stride};
        for (Index tile = 0; tile < tiles; ++tile) {
            const Index rows = (a.rows + tile) / tiles;
            some_panel_rows<V>(at, rows);
            at.x += rows * a.x_row_stride;
            at.y += rows * a.y_row_stride;
        }
    }
}

}  // namespace
}  // namespace forwardpass
