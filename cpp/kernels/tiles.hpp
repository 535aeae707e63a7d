// The tiles that cover a panel for two rows and more, slice by slice, and what they fetch meanwhile.
#pragma once

#include "slices.hpp"
#include "store_tile.hpp"
#include "tile.hpp"

namespace forwardpass {
namespace {

// The widest tile for so many rows, in vectors. 32 registers hold 3 x 4 chains, their sums, 3 inputs and
// a weight: 98 % of the FMA peak at K = 64 and 90 % at 17, where 6 x 4 chains with sums in memory reached 87
// and 67 % (AVX-512, Zen 4). 16 registers hold 5 x 2 chains and 3 operands: 89 % of the peak, where 6 x 2 reached 84 %
// (Zen 3, K = 256).
template <class V>
constexpr int widest_tile(Index rows) noexcept {
    return V::registers == 32 || rows <= 3 ? 4 : 2;
}

// Where the weights are: in a cache, in memory, or there and for so few rows that each pass over them counts.
enum class Weights { cached, cold, few_cold_rows };

// The most rows of a tile of so many vectors. For few rows and weights from memory 6 x 4 chains, sums in memory too:
// six rows of 8192 x 8192 take 9.2 ms, as long as one, where two passes of three took 13.7; 8 rows 11.7, not 16.3 (Zen
// 4).
template <class V>
constexpr int most_rows(int vectors, Weights weights) noexcept {
    if (V::registers < 32) return vectors == 4 ? 3 : 10 / vectors;
    if (vectors == 4 && weights == Weights::few_cold_rows) return 6;
    // 12 rows of one vector would meet in one set of L1 where rows of x are 4 KB apart: 4096 x 16 took 1.25 times as
    // long.
    return vectors == 1 ? 6 : 12 / vectors;
}

// Lines of a panel's row that a tile covers.
template <class V>
constexpr int cache_lines(int vectors) noexcept {
    return static_cast<int>(padded<typename V::Element>(vectors * V::lanes) / panel_alignment<typename V::Element>);
}

// How weights from memory are fetched in advance. In the only pass a little ahead; in the first of two passes half of
// the next slice, in the second one the rest: without that 8 rows of 8192 x 8192 took 13.8 ms, not 11.7; in the first
// ones of more passes a line each in every step: 64 rows of 4096 x 4096 take 20.6 ms instead of 21.1, in L1 instead of
// L2 22.9. Where three passes shared out four lines, 2 and 3 rows each lost 10 to 20 % (Zen 4).
enum class Fetch { nothing, ahead, halves, lines };

// What all tiles of one panel share, and the slice whose turn it is.
template <class T>
struct PanelRows {
    const Panel<T>& panel;
    T* scratch;
    Fetch fetch;
    Slice slice;
    Operands<T> origin;  // of row 0 and output 0, at the slice's first step
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

// sums += the slice, while what comes after it is fetched; only the widest tiles do that.
template <class V, int rows, int vectors>
FORWARDPASS_INLINE void add_fetching(const PanelRows<typename V::Element>& a, Index row,
                                     Operands<typename V::Element>& at, Sums<V, rows, vectors>& sums) noexcept {
    using T = typename V::Element;
    constexpr int lines = cache_lines<V>(vectors);
    if constexpr (vectors >= widest_tile<V>(rows)) {
        const Index slice = a.slice.steps() * at.w_row_stride;
        if (a.fetch == Fetch::ahead) {
            at.fetched = at.w + fetch_distance<T>;
            at.fetch_stride = at.w_row_stride;
            return add_products<lines>(at, a.slice, sums);
        }
        if constexpr (lines == 4)
            if (a.fetch == Fetch::halves) {
                at.fetched = at.w + slice + (row == 0 ? 0 : slice / 2);
                at.fetch_stride = 2 * panel_alignment<T>;
                return add_products<2>(at, a.slice, sums);
            }
        if (a.fetch == Fetch::lines && row < lines * rows) {
            at.fetched = at.w + slice + row / rows * panel_alignment<T>;
            at.fetch_stride = at.w_row_stride;
            return add_products<1>(at, a.slice, sums);
        }
    }
    add_products<0>(at, a.slice, sums);
}

// sums += the slice, while the next tile's x is fetched, as much of each row as the full blocks read of this one's:
// 1024 rows of 4096 x 16 from memory take 0.75 ms instead of 1.05; from L3 they would lose 5 % (Zen 5).
template <class V, int rows, int vectors>
FORWARDPASS_INLINE void add_fetching_x(const PanelRows<typename V::Element>& a, Index row,
                                       Operands<typename V::Element>& at, Sums<V, rows, vectors>& sums) noexcept {
    using T = typename V::Element;
    constexpr Index most = blocks_at_once<V>(rows, vectors);
    const bool last = row + 2 * rows > a.panel.rows.rows;
    const T* ahead = at.x + (last ? 0 : rows * at.x_row_stride);
    Blocks part = a.slice;
    Index left = a.slice.full;
    do {
        part.full = left < most ? left : most;
        left -= part.full;
        part.rest = left > 0 ? 0 : a.slice.rest;
        const Index steps = part.full * part.block;
        for (Index k = 0; k < steps; k += panel_alignment<T>)
            unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED { __builtin_prefetch(ahead + r * at.x_row_stride + k); });
        add_products<0>(at, part, sums);
        at.advance(steps);
        ahead += steps;
    } while (left > 0);
}

// Where the sums of a tile wait between two slices, if there is more than one; behind those of all rows, the totals of
// superblocks.
template <class T>
T* carried(const PanelRows<T>& a, Index row, Index first) noexcept {
    return a.scratch + row * panel_outputs<T> + first;
}

// What becomes of the sums of a slice.
template <class V, int rows, int vectors>
FORWARDPASS_INLINE void finish_tile(const PanelRows<typename V::Element>& a, Index row, Index first,
                                    Sums<V, rows, vectors>& sums) noexcept {
    using T = typename V::Element;
    const Batch<T>& batch = a.panel.rows;
    if (!a.slice.closes) return store_sums<V>(sums, carried(a, row, first));
    const auto totals = [&] { return carried(a, batch.rows + row, first); };
    if (!a.slice.in_first_superblock()) load_sums<true, V>(totals(), sums);
    if (!a.slice.last) return store_sums<V>(sums, totals());
    store_tile(sums, a.panel.at + first, a.panel.layer.activation, a.panel.y + row * batch.y_row_stride + first,
               batch.y_row_stride, a.panel.outputs - first);
}

// A slice of `rows` rows from `row` on, and of `vectors` vectors of outputs from `first` on. By itself: of several in
// one function GCC 12 makes half the speed.
template <class V, int rows, int vectors, bool cold_weights>
__attribute__((noinline)) void tile(const PanelRows<typename V::Element>& a, Index row, Index first) noexcept {
    using T = typename V::Element;
    Sums<V, rows, vectors> sums;
    if (a.slice.opens) sums.fill(start_of_sum<T>(a.panel.layer.depth));
    else load_sums<false, V>(carried(a, row, first), sums);
    Operands<T> at = a.origin;
    at.x += row * at.x_row_stride;
    at.w += first;
    if constexpr (cold_weights) {
        add_fetching<V>(a, row, at, sums);
    } else {
        // A wider panel does more with each x, and only the first tiles of one read x that is not yet in a cache.
        constexpr Index narrow = 2 * panel_alignment<T>;
        constexpr bool may_fetch = rows > 1 && vectors * V::lanes <= narrow;
        if (may_fetch && a.panel.rows.cold && a.panel.outputs <= narrow && first == 0) {
            if constexpr (may_fetch) add_fetching_x<V>(a, row, at, sums);
        } else {
            add_products<0>(at, a.slice, sums);
        }
    }
    finish_tile<V>(again(a), row, first, sums);
}

// `tiles` tiles of `rows_each` rows, at most `rows`.
template <class V, int rows, int vectors, bool cold_weights>
void some_tiles(const PanelRows<typename V::Element>& a, Index row, Index first, Index tiles,
                Index rows_each) noexcept {
    if (rows_each == rows) {
        for (Index i = 0; i < tiles; ++i) tile<V, rows, vectors, cold_weights>(a, row + i * rows, first);
    } else if constexpr (rows > 1) {
        some_tiles<V, rows - 1, vectors, cold_weights>(a, row, first, tiles, rows_each);
    }
}

// All rows, in tiles of that many vectors. They are dealt out evenly (4 = 2 + 2, not 3 + 1), so that no row
// count falls off a cliff. Fetching the rows of x for the next tile meanwhile lost 10 % where x was in a cache.
template <class V, int vectors, Weights weights>
void all_rows(const PanelRows<typename V::Element>& a, Index first) noexcept {
    constexpr int most = most_rows<V>(vectors, weights);
    constexpr bool cold_weights = weights != Weights::cached;
    const Index count = a.panel.rows.rows, tiles = (count + most - 1) / most;
    const Index each = count / tiles, larger = count - each * tiles;
    if (larger > 0) some_tiles<V, most, vectors, cold_weights>(a, 0, first, larger, each + 1);
    some_tiles<V, most, vectors, cold_weights>(a, larger * (each + 1), first, tiles - larger, each);
}

// Covers the panel from output `first` on with tiles `vectors` wide, then narrower ones.
template <class V, int vectors, Weights weights>
void panel_tiles(const PanelRows<typename V::Element>& a, Index first, Index end) noexcept {
    for (; end - first >= vectors * V::lanes; first += vectors * V::lanes) all_rows<V, vectors, weights>(a, first);
    if constexpr (vectors > 1)
        if (end > first) panel_tiles<V, V::registers == 32 ? vectors - 1 : vectors / 2, weights>(a, first, end);
}

// All of the panel, slice by slice, with tiles of at most `vectors` vectors.
template <class V, int vectors, Weights weights>
void slices(const Panel<typename V::Element>& panel, typename V::Element* scratch) noexcept {
    using T = typename V::Element;
    constexpr int most = most_rows<V>(vectors, weights);
    const Index rows = panel.rows.rows;
    const bool one_pass = rows <= most;
    Fetch fetch = Fetch::nothing;
    if (one_pass) fetch = Fetch::ahead;
    else if (weights == Weights::few_cold_rows) fetch = Fetch::halves;
    else if (rows >= 4 * most) fetch = Fetch::lines;
    const Index width = panel_width<T>(panel.outputs);
    const Index end = (panel.outputs + V::lanes - 1) / V::lanes * V::lanes;
    for_each_slice(cut_into_blocks(panel.layer.depth),
                   one_pass ? blocks_per_superblock : blocks_in_slice<T>(width, vectors * V::lanes),
                   [&](const Slice& slice) noexcept {
                       Operands<T> at{panel.rows.x, panel.rows.x_row_stride, panel.at + width, width};
                       at.advance(slice.first);
                       panel_tiles<V, vectors, weights>({panel, scratch, fetch, slice, at}, 0, end);
                   });
}

template <class V, Weights weights>
void tiles_of(const Panel<typename V::Element>& panel, typename V::Element* scratch) noexcept {
    constexpr int few = widest_tile<V>(2), many = widest_tile<V>(4);
    if (few == many || panel.rows.rows > 3) slices<V, many, weights>(panel, scratch);
    else slices<V, few, weights>(panel, scratch);
}

// Two rows and more.
template <class V>
void tiles(const Panel<typename V::Element>& panel, typename V::Element* scratch) noexcept {
    constexpr int widest = widest_tile<V>(4);
    constexpr int most = most_rows<V>(widest, Weights::cold), few = most_rows<V>(widest, Weights::few_cold_rows);
    const Index rows = panel.rows.rows;
    if (!panel.layer.cold) tiles_of<V, Weights::cached>(panel, scratch);
    else if (few > most && rows > most && rows <= 2 * few) tiles_of<V, Weights::few_cold_rows>(panel, scratch);
    else tiles_of<V, Weights::cold>(panel, scratch);
}

}  // namespace
}  // namespace forwardpass
