// A packed layer over some rows: which tiles cover it, and the fused epilogue.
#pragma once

#include "activations.hpp"
#include "contract.hpp"
#include "few_outputs.hpp"
#include "panel.hpp"
#include "tile.hpp"

namespace forwardpass {
namespace {

// The widest tile for so many rows, in vectors. 32 registers hold 3 x 4 chains, their sums, 3 inputs and
// a weight: 98 % of the FMA peak at K = 64 and 90 % at 17, where 6 x 4 chains with sums in memory reached 87
// and 67 % (AVX-512, Zen 4). 16 registers hold 5 x 2 chains and 3 operands: 89 % of the peak, where 6 x 2 reached 84 %
// (Zen 3, K = 256).
template <class V>
constexpr int widest_tile(Index rows) noexcept {
    if (V::registers == 32) return 4;
    return rows == 1 ? 8 : rows <= 3 ? 4 : 2;
}

// The most rows of a tile of so many vectors.
template <class V>
constexpr int most_rows(int vectors) noexcept {
    if (V::registers == 32) return 12 / vectors;
    return vectors == 8 ? 1 : vectors == 4 ? 3 : 10 / vectors;
}

// What all tiles of one panel share.
template <class T>
struct PanelRows {
    const T* panel;
    Index width;    // elements from one k to the next
    Index outputs;  // outputs of this panel, without padding
    Activation activation;
    const T* x;
    Index x_row_stride;
    T* y;
    Index y_row_stride;
    Index rows;
    bool cold;
    T* scratch;  // panel_outputs a row: the sums so far of a superblock; then as much for the totals of superblocks
    Slice slice;
};

// Where the sums of some rows are kept between two slices.
template <class V, int rows, int vectors>
FORWARDPASS_INLINE void store_sums(const Sums<V, rows, vectors>& sums, typename V::Element* to) noexcept {
    unrolled<rows * vectors>([&](auto i) FORWARDPASS_UNROLLED {
        V::store(to + i / vectors * panel_outputs<typename V::Element> + i % vectors * V::lanes,
                 sums.at[i / vectors][i % vectors]);
    });
}

// sums = stored, or stored + sums.
template <bool add, class V, int rows, int vectors>
FORWARDPASS_INLINE void load_sums(const typename V::Element* from, Sums<V, rows, vectors>& sums) noexcept {
    unrolled<rows * vectors>([&](auto i) FORWARDPASS_UNROLLED {
        auto& sum = sums.at[i / vectors][i % vectors];
        const auto stored = V::load(from + i / vectors * panel_outputs<typename V::Element> + i % vectors * V::lanes);
        sum = add ? V::add(stored, sum) : stored;
    });
}

// A finished tile: bias and activation added on the way out.
template <class V, int rows, int vectors>
FORWARDPASS_INLINE void store_tile(const PanelRows<typename V::Element>& a, Index row, Index first,
                                   const Sums<V, rows, vectors>& sums) noexcept {
    const Index left = a.outputs - first;
    unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED {
        const auto bias = V::load(a.panel + first + v * V::lanes);
        unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED {
            const auto y = activated<V>(a.activation, V::add(sums.at[r][v], bias));
            typename V::Element* const to = a.y + (row + r) * a.y_row_stride + first + v * V::lanes;
            if (v + 1 < vectors || left >= vectors * V::lanes) V::store(to, y);
            else V::store_partial(to, y, left - v * V::lanes);
        });
    });
}

// Tiles that read weights for few rows: waiting for memory is all they do, so each is asked for in advance.
template <class V>
constexpr bool waits_for_memory(int rows, int vectors) noexcept {
    return rows <= 3 && vectors >= widest_tile<V>(rows);
}

// A slice of `rows` rows from `row` on, and of `vectors` vectors of outputs from `first` on.
template <class V, int rows, int vectors>
FORWARDPASS_INLINE void tile(const PanelRows<typename V::Element>& a, Index row, Index first) noexcept {
    using T = typename V::Element;
    T* const carried = a.scratch + row * panel_outputs<T> + first;
    T* const totals = carried + a.rows * panel_outputs<T>;
    const Slice& slice = a.slice;
    Sums<V, rows, vectors> sums;
    if (slice.opens) sums.fill(start_of_sum<T>(slice.full + slice.rest));
    else load_sums<false, V>(carried, sums);
    const Operands<T> at{a.x + row * a.x_row_stride + slice.first, a.x_row_stride,
                         a.panel + (1 + slice.first) * a.width + first, a.width};
    if constexpr (waits_for_memory<V>(rows, vectors)) {
        if (a.cold) add_slice<true>(at, slice, sums);
        else add_slice<false>(at, slice, sums);
    } else {
        add_slice<false>(at, slice, sums);
    }
    if (!slice.closes) return store_sums<V>(sums, carried);
    if (!slice.in_first_superblock()) load_sums<true, V>(totals, sums);
    if (!slice.last) return store_sums<V>(sums, totals);
    store_tile(a, row, first, sums);
}

// One row is short of work: a call of its own would take 5 ns.
template <class V, int rows, int vectors>
__attribute__((noinline)) void separate_tile(const PanelRows<typename V::Element>& a, Index row, Index first) noexcept {
    tile<V, rows, vectors>(a, row, first);
}

// `tiles` tiles of `rows_each` rows, at most `rows`.
template <class V, int rows, int vectors>
void some_tiles(const PanelRows<typename V::Element>& a, Index row, Index first, Index tiles,
                Index rows_each) noexcept {
    if (rows_each == rows) {
        for (Index i = 0; i < tiles; ++i) {
            if constexpr (rows == 1) tile<V, rows, vectors>(a, row + i, first);
            else separate_tile<V, rows, vectors>(a, row + i * rows, first);
        }
    } else if constexpr (rows > 1) {
        some_tiles<V, rows - 1, vectors>(a, row, first, tiles, rows_each);
    }
}

// Covers the panel from output `first` on with tiles `vectors` wide, then narrower ones.
template <class V, int vectors>
void panel_rows(const PanelRows<typename V::Element>& a, Index first) noexcept {
    constexpr int rows = most_rows<V>(vectors);
    const Index padded_outputs = (a.outputs + V::lanes - 1) / V::lanes * V::lanes;
    // Rows are dealt out evenly (4 = 2 + 2, not 3 + 1), so that no row count falls off a cliff.
    const Index tiles = (a.rows + rows - 1) / rows, each = a.rows / tiles, larger = a.rows % tiles;
    for (; padded_outputs - first >= vectors * V::lanes; first += vectors * V::lanes) {
        if (larger > 0) some_tiles<V, rows, vectors>(a, 0, first, larger, each + 1);
        some_tiles<V, rows, vectors>(a, larger * (each + 1), first, tiles - larger, each);
    }
    if constexpr (vectors > 1)
        if (padded_outputs > first) panel_rows<V, V::registers == 32 ? vectors - 1 : vectors / 2>(a, first);
}

template <class V>
void packed_linear(const PackedLinear<typename V::Element>& a) noexcept {
    using T = typename V::Element;
    if (a.rows == 0) return;
    if (rows_fill_lanes<V>(a.outputs, a.rows)) return few_outputs<V>(a);
    const Blocks blocks = cut_into_blocks(a.depth);
    const bool one_pass = a.rows <= most_rows<V>(widest_tile<V>(a.rows));
    for (Index panel = 0; panel < panel_count<T>(a.outputs); ++panel) {
        const Index outputs = outputs_in_panel<T>(a.outputs, panel);
        PanelRows<T> at{a.panels + panel_offset<T>(a.depth, panel),
                        panel_width<T>(outputs),
                        outputs,
                        a.activation,
                        a.x,
                        a.x_row_stride,
                        a.y + panel * panel_outputs<T>,
                        a.y_row_stride,
                        a.rows,
                        a.cold && one_pass,
                        a.scratch,
                        {}};
        const Index blocks_each = one_pass ? blocks_per_superblock : blocks_in_slice<T>(at.width);
        for_each_slice(blocks, blocks_each, [&](const Slice& slice) {
            at.slice = slice;
            if constexpr (V::registers == 32) panel_rows<V, 4>(at, 0);
            else if (a.rows == 1) panel_rows<V, 8>(at, 0);
            else if (a.rows <= 3) panel_rows<V, 4>(at, 0);
            else panel_rows<V, 2>(at, 0);
        });
    }
}

}  // namespace
}  // namespace forwardpass
