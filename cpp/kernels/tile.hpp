// Batches: register tiles over a panel, slice by slice. A slice is what stays in L1 of a panel's weights while every
// row of a batch passes over it; between two slices the sums wait in scratch memory.
#pragma once

#include "chains.hpp"
#include "epilogue.hpp"

namespace forwardpass {
namespace {

// One panel of a layer, for some rows.
template <class T>
struct Panel {
    const PackedLinear<T>& layer;
    const Batch<T>& rows;
    const T* at;
    Index outputs;
    T* y;  // of the first row
};

// Superblocks [first, end); or some chains of one.
struct Slice {
    Index first, end;
    Index first_chain = 0, end_chain = many_chains;
};

// What all tiles of one panel share, and the slice whose turn it is.
enum class Fetch { nothing, ahead, halves, lines };

template <class T>
struct PanelRows {
    const Panel<T>& panel;
    T* scratch;
    Index width;
    bool whole;  // the slice is all there is
    Fetch fetch;
    Slice slice;
};

// 32 KB of a full panel of 256 bytes: a half superblock. 16 KB and 64 KB are slower (784 x 512, Zen 4).
constexpr Index slice_bytes = 32 * 1024;

// Calls use(slice) for each slice of at most `rows` rows of a panel, or of half a superblock.
template <class Use>
FORWARDPASS_INLINE void for_each_slice(Index depth, Index rows, const Use& use) noexcept {
    const Index count = depth > 0 ? superblock_count(depth) : 1, length = superblock_length(depth);
    if (2 * rows <= length && depth > rows) {
        for (Index b = 0; b < count; ++b) {
            use(Slice{b, b + 1, 0, many_chains / 2});
            if (superblock_of(depth, b).chains > many_chains / 2) use(Slice{b, b + 1, many_chains / 2, many_chains});
        }
        return;
    }
    const Index each = rows < length ? 1 : rows / length;
    for (Index b = 0; b < count; b += each) use(Slice{b, b + each < count ? b + each : count});
}

// Elements of scratch for each row: sums so far of a superblock, of a group, and the totals.
template <class V>
Index scratch_per_row(Index depth, Index) noexcept {
    return depth <= 2 * few_chains * chain_length / 2 ? 0 : 3 * panel_outputs<V>;
}

// The most rows of a tile of so many vectors, for weights in a cache, or from memory for few rows. 32 registers hold 3
// x 4 chains, their sums, 3 inputs and a weight: 98 % of the FMA peak at K = 64 and 90 % at 17, where 6 x 4 chains with
// sums in memory reached 87 and 67 % (AVX-512, Zen 4). For few rows and weights from memory 6 x 4 chains, sums in
// memory too: six rows of 8192 x 8192 take 9.2 ms, as long as one, where two passes of three took 13.7 (Zen 4).
template <class V>
constexpr int most_rows(int vectors, bool few_cold_rows) noexcept {
    if (V::registers < 32) return vectors == 1 ? 6 : 8 / vectors;
    if (few_cold_rows && vectors == 4) return 6;
    // 12 rows of one vector would meet in one set of L1 where rows of x are 4 KB apart: 4096 x 16 took 1.25 times as
    // long.
    return vectors == 1 ? 6 : 12 / vectors;
}

// Chains of a small tile that run side by side.
template <class V>
constexpr int tile_chains_at_once(int rows, int vectors) noexcept {
    int chains = 1;
    while (chains < few_chains && chains * rows * vectors < chains_wanted) chains *= 2;
    return chains;
}

// The next tile's x, as much of each row as this superblock reads of this one's: 1024 rows of 4096 x 16 from memory take
// 0.75 ms instead of 1.05; from L3 they would lose 5 % (Zen 5).
template <int rows, class T>
FORWARDPASS_INLINE void fetch_x(const T* x, Index x_row_stride, Index count) noexcept {
    for (Index k = 0; k < count; k += line_elements<T>)
        unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED { __builtin_prefetch(x + r * x_row_stride + k); });
}

// A slice of rows from `row` on. By itself: of several in one function GCC 12 makes half the speed.
template <class Tile, class T>
__attribute__((noinline)) void run_tile(const PanelRows<T>& a, Index row) noexcept {
    using V = typename Tile::V;
    constexpr Index full = panel_outputs<V>;
    const Batch<T>& batch = a.panel.rows;
    const Index depth = a.panel.layer.depth, length = superblock_length(depth), chains = chain_count(depth);
    const Index count = depth > 0 ? superblock_count(depth) : 1;
    const Index slot = (a.whole ? 0 : row) * full, all = (a.whole ? Tile::rows : batch.rows) * full;
    T* const carried = a.scratch + slot;
    const Kept<T> kept{carried + all, carried + 2 * all, full};

    const Slice slice = a.slice;
    Operands<T> at{batch.x + row * batch.x_row_stride + slice.first * length, batch.x_row_stride,
                   a.panel.at + (1 + slice.first * length) * a.width, a.width};
    typename Tile::Values sums;
    if constexpr (Tile::lines > 0) {
        const T* const w = at.w + slice.first_chain * chain_length * a.width;
        if (a.fetch == Fetch::ahead) {
            at.fetched = w + a.panel.layer.fetch_distance;
            at.fetch_stride = a.width;
        } else {
            // What follows the slice: all of it in one pass, half in each of two, a line of each row in many.
            const Index size = (slice.end_chain - slice.first_chain) * (slice.end - slice.first) * chain_length * a.width;
            if (a.fetch == Fetch::halves) {
                at.fetched = w + size + (row == 0 ? 0 : size / 2);
                at.fetch_stride = Tile::lines * line_elements<T>;
            } else {
                at.fetched = w + size + row / Tile::rows * line_elements<T>;
                at.fetch_stride = a.width;
            }
        }
    }
    for (Index b = slice.first; b < slice.end; ++b, at.x += length, at.w += length * a.width) {
        const Superblock s = superblock_of(depth, b);
        const Index end = s.chains < slice.end_chain ? s.chains : slice.end_chain;
        if constexpr (Tile::rows > 1 && Tile::lines == 0 && Tile::vectors * V::lanes <= 2 * line_elements<T>)
            if (batch.cold && a.panel.outputs <= 2 * line_elements<T> && row + 2 * Tile::rows <= batch.rows)
                fetch_x<Tile::rows>(at.x + Tile::rows * at.x_row_stride, at.x_row_stride, s.steps * chains);
        if (slice.first_chain > 0) sums.load(carried, full);
        sum_chains<Tile, tile_chains_at_once<V>(Tile::rows, Tile::vectors)>(at, s, chains, slice.first_chain, end, sums);
        if (end < s.chains) return sums.store(carried, full);
        if (count > 1) close_superblock<V>(b, count, sums, kept);
    }
    if (slice.end == count)
        finish(sums, a.panel.at, a.panel.layer.activation, a.panel.y + row * batch.y_row_stride, batch.y_row_stride,
               a.panel.outputs);
}

// `tiles` tiles of `rows_each` rows, at most `rows`.
template <class V, int rows, int vectors, int lines, class T>
void some_tiles(const PanelRows<T>& a, Index row, Index tiles, Index rows_each) noexcept {
    if (rows_each == rows) {
        for (Index i = 0; i < tiles; ++i) run_tile<Tile<V, rows, vectors, 1, lines>>(a, row + i * rows);
    } else if constexpr (rows > 1) {
        some_tiles<V, rows - 1, vectors, lines>(a, row, tiles, rows_each);
    }
}

// All rows, in tiles dealt out evenly (4 = 2 + 2, not 3 + 1), so that no row count falls off a cliff.
template <class V, int most, int vectors, int lines, class T>
void all_rows(const PanelRows<T>& a) noexcept {
    const Index count = a.panel.rows.rows, tiles = (count + most - 1) / most;
    const Index each = count / tiles, larger = count - each * tiles;
    if (larger > 0) some_tiles<V, most, vectors, lines>(a, 0, larger, each + 1);
    some_tiles<V, most, vectors, lines>(a, larger * (each + 1), tiles - larger, each);
}

template <class V, int vectors, int lines, bool few_cold_rows, class T>
void slices(const Panel<T>& panel, T* scratch, Fetch fetch) noexcept {
    constexpr int most = most_rows<V>(vectors, few_cold_rows);
    const Index width = Panels<T>{panel.layer.depth, panel.outputs, panel_outputs<V>, V::lanes}.stride(panel.outputs);
    const Index depth = panel.layer.depth, bytes = width * static_cast<Index>(sizeof(T));
    // One tile is all: there is nothing to keep in L1 for.
    const Index rows = panel.rows.rows <= most ? depth : slice_bytes / bytes;
    const bool whole = depth <= rows;
    for_each_slice(depth, rows, [&](const Slice& slice) noexcept {
        all_rows<V, most, vectors, lines>(PanelRows<T>{panel, scratch, width, whole, fetch, slice});
    });
}

// Two rows and more over a panel of `vectors` vectors.
template <class V, int vectors, class T>
void tiles_of(const Panel<T>& panel, T* scratch) noexcept {
    slices<V, vectors, 0, false>(panel, scratch, Fetch::nothing);
}

template <class V, int vectors, class T>
void tiles_up_to(const Panel<T>& panel, T* scratch) noexcept {
    if (vectors == 1 || panel.outputs > (vectors - 1) * V::lanes) return tiles_of<V, vectors>(panel, scratch);
    if constexpr (vectors > 1) tiles_up_to<V, vectors - 1>(panel, scratch);
}

template <class V, class T>
void tiles(const Panel<T>& panel, T* scratch) noexcept {
    tiles_up_to<V, V::panel_vectors>(panel, scratch);
}

}  // namespace
}  // namespace forwardpass
