// A packed layer over some rows: which tiles cover it, and the fused activation.
#pragma once

#include "activations.hpp"
#include "block_lanes.hpp"
#include "contract.hpp"
#include "few_outputs.hpp"
#include "panel.hpp"
#include "scalar.hpp"
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
    // 12 rows of one vector would meet in one set of L1 where rows of x are 4 KB apart: 4096 x 16 took 1.25 times as
    // long.
    if (V::registers == 32) return vectors == 1 ? 6 : 12 / vectors;
    return vectors == 8 ? 1 : vectors == 4 ? 3 : 10 / vectors;
}

// Weights from memory are fetched in advance.
//
// In the only pass, this many bytes ahead: one row of 4096 x 4096 takes 2.4 ms instead of 3.4, of 2048 x 2048 0.23 to
// 0.24 instead of 0.24 to 0.29; 4 and 16 KB are as good, 32 KB loses half of it. Weights in L2 would lose 4 %,
// in L3 3 % (Zen 4).
constexpr Index fetch_distance = 8192;

// Where there are more passes, the first ones fetch the next slice, each a line in every step: 64 rows of 4096 x 4096
// take 20.6 ms instead of 21.1, in L1 instead of L2 22.9. Fewer passes than lines leave holes: 8 rows took 4.9 ms,
// not 3.9.
template <class V>
constexpr int cache_lines(int vectors) noexcept {
    const int bytes = vectors * static_cast<int>(V::lanes * sizeof(typename V::Element));
    return (bytes + 63) / 64;
}

enum class Fetch { nothing, ahead, next_slice };

// What all tiles of one panel share, and the slice whose turn it is.
template <class T>
struct PanelRows {
    const Panel<T>& panel;
    Index width;  // elements from one k to the next
    Fetch fetch;
    const Slice& slice;
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
    const Panel<typename V::Element>& panel = a.panel;
    const Activation& activation = panel.layer.activation;
    const Index left = panel.outputs - first, y_row_stride = panel.layer.y_row_stride;
    unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED {
        const auto bias = V::load(panel.at + first + v * V::lanes);
        unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED {
            const auto y = activated<V>(activation, V::add(sums.at[r][v], bias));
            typename V::Element* const to = panel.y + (row + r) * y_row_stride + first + v * V::lanes;
            if (v + 1 < vectors || left >= vectors * V::lanes) V::store(to, y);
            else V::store_partial(to, y, left - v * V::lanes);
        });
    });
}

// A slice of `rows` rows from `row` on, and of `vectors` vectors of outputs from `first` on.
template <class V, int rows, int vectors>
FORWARDPASS_INLINE void tile(const PanelRows<typename V::Element>& a, Index row, Index first) noexcept {
    using T = typename V::Element;
    const PackedLinear<T>& layer = a.panel.layer;
    const Slice& slice = a.slice;
    // There is scratch only where there is more than one slice.
    const auto carried = [&] { return layer.scratch + row * panel_outputs<T> + first; };
    const auto totals = [&] { return carried() + layer.rows * panel_outputs<T>; };
    Sums<V, rows, vectors> sums;
    if (slice.opens) sums.fill(start_of_sum<T>(layer.depth));
    else load_sums<false, V>(carried(), sums);
    Operands<T> at{layer.x + row * layer.x_row_stride + slice.first, layer.x_row_stride,
                   a.panel.at + (1 + slice.first) * a.width + first, a.width, fetch_distance};
    if constexpr (vectors >= widest_tile<V>(rows)) {
        constexpr int lines = cache_lines<V>(vectors);
        if (a.fetch == Fetch::ahead) {
            add_slice<lines>(at, slice, sums);
        } else if (a.fetch == Fetch::next_slice && row < lines * rows) {
            const Index bytes = (slice.full * slice.block + slice.rest) * a.width * static_cast<Index>(sizeof(T));
            at.fetched = bytes + row / rows * 64;
            add_slice<1>(at, slice, sums);
        } else {
            add_slice<0>(at, slice, sums);
        }
    } else {
        add_slice<0>(at, slice, sums);
    }
    if (!slice.closes) return store_sums<V>(sums, carried());
    if (!slice.in_first_superblock()) load_sums<true, V>(totals(), sums);
    if (!slice.last) return store_sums<V>(sums, totals());
    store_tile(a, row, first, sums);
}

template <class V, int rows, int vectors>
__attribute__((noinline)) void separate_tile(const PanelRows<typename V::Element>& a, Index row, Index first) noexcept {
    tile<V, rows, vectors>(a, row, first);
}

// `tiles` tiles of `rows_each` rows, at most `rows`.
template <class V, int rows, int vectors>
void some_tiles(const PanelRows<typename V::Element>& a, Index row, Index first, Index tiles,
                Index rows_each) noexcept {
    if (rows_each == rows) {
        for (Index i = 0; i < tiles; ++i) separate_tile<V, rows, vectors>(a, row + i * rows, first);
    } else if constexpr (rows > 1) {
        some_tiles<V, rows - 1, vectors>(a, row, first, tiles, rows_each);
    }
}

// All rows, in tiles of that many vectors. They are dealt out evenly (4 = 2 + 2, not 3 + 1), so that no row
// count falls off a cliff. Fetching the rows of x for the next tile meanwhile lost 10 %.
template <class V, int vectors>
void all_rows(const PanelRows<typename V::Element>& a, Index first) noexcept {
    constexpr int rows = most_rows<V>(vectors);
    const Index count = a.panel.layer.rows, tiles = (count + rows - 1) / rows;
    const Index each = count / tiles, larger = count - each * tiles;
    if (larger > 0) some_tiles<V, rows, vectors>(a, 0, first, larger, each + 1);
    some_tiles<V, rows, vectors>(a, larger * (each + 1), first, tiles - larger, each);
}

// Covers the panel from output `first` on with tiles `vectors` wide, then narrower ones. One row is short of
// work: the division and the calls of many would take as long as the tile of a small layer.
template <class V, int vectors, bool one_row>
void panel_tiles(const PanelRows<typename V::Element>& a, Index first, Index end) noexcept {
    for (; end - first >= vectors * V::lanes; first += vectors * V::lanes) {
        if constexpr (one_row) tile<V, 1, vectors>(a, 0, first);
        else all_rows<V, vectors>(a, first);
    }
    if constexpr (vectors > 1)
        if (end > first) panel_tiles<V, V::registers == 32 ? vectors - 1 : vectors / 2, one_row>(a, first, end);
}

template <class V>
void tiles(const Panel<typename V::Element>& panel) noexcept {
    using T = typename V::Element;
    const PackedLinear<T>& a = panel.layer;
    const bool one_pass = a.rows <= most_rows<V>(widest_tile<V>(a.rows));
    const bool many_passes = a.rows >= 4 * most_rows<V>(widest_tile<V>(a.rows));
    Fetch fetch = Fetch::nothing;
    if (a.cold && one_pass) fetch = Fetch::ahead;
    if (a.cold && many_passes) fetch = Fetch::next_slice;
    const Index width = panel_width<T>(panel.outputs);
    const Index blocks_each = one_pass ? blocks_per_superblock : blocks_in_slice<T>(width);
    const Index end = (panel.outputs + V::lanes - 1) / V::lanes * V::lanes;
    for_each_slice(cut_into_blocks(a.depth), blocks_each, [&](const Slice& slice) noexcept {
        const PanelRows<T> at{panel, width, fetch, slice};
        // Vectors of one output overlap, most of them across two cache lines.
        if (a.rows == 1 && panel.outputs == 1) tile<Scalar<T>, 1, 1>(at, 0, 0);
        else if (a.rows == 1) panel_tiles<V, widest_tile<V>(1), true>(at, 0, end);
        else if (widest_tile<V>(2) == widest_tile<V>(4) || a.rows > 3)
            panel_tiles<V, widest_tile<V>(4), false>(at, 0, end);
        else panel_tiles<V, widest_tile<V>(2), false>(at, 0, end);
    });
}

template <class V>
void packed_linear(const PackedLinear<typename V::Element>& a) noexcept {
    using T = typename V::Element;
    if (a.rows == 0) return;
    Panel<T> panel{a, a.panels, 0, a.y};
    for (Index left = a.outputs; left > 0; left -= panel_outputs<T>) {
        panel.outputs = left < panel_outputs<T> ? left : panel_outputs<T>;
        if (rows_fill_lanes<V>(panel.outputs, a.rows)) few_outputs<V>(panel);
        else if (panel.outputs == 1 && block_groups<T>(a.depth) > 0) block_lanes<V>(panel);
        else tiles<V>(panel);
        if (!fits_registers(a.activation))
            for (Index r = 0; r < a.rows; ++r) {
                T* const y = panel.y + r * a.y_row_stride;
                activate<V>(a.activation, y, y, panel.outputs);
            }
        panel.at += panel_offset<T>(a.depth, 1);
        panel.y += panel_outputs<T>;
    }
}

}  // namespace
}  // namespace forwardpass
