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

// How weights from memory are fetched in advance.
enum class Fetch { nothing, ahead, halves, lines };

// What all tiles of one panel share.
template <class T>
struct PanelRows {
    const Panel<T>& panel;
    T* scratch;
    Index width;
    Index superblocks;
    Fetch fetch;
};

// A superblock, or some of its chains, of a panel: where it begins, and what it is.
template <class T>
struct Slice {
    const T *x, *w;
    Chains chains;
    Index number;  // of the superblock
    bool closes;   // the superblock
};

// Elements of scratch for each row: sums so far of a superblock, of a group, and the totals.
template <class V>
Index scratch_per_row(Index depth, Index) noexcept {
    return depth <= few_chains * chain_length ? 0 : 3 * panel_outputs<V>;
}

// The most rows of a tile of so many vectors, for weights in a cache, or from memory for few rows. 32 registers hold 3
// x 4 chains, their sums, 3 inputs and a weight: 98 % of the FMA peak at K = 64 and 90 % at 17, where 6 x 4 chains with
// sums in memory reached 87 and 67 % (AVX-512, Zen 4). For few rows and weights from memory 6 x 4 chains, sums in
// memory too: six rows of 8192 x 8192 take 9.2 ms, as long as one, where two passes of three took 13.7 (Zen 4).
template <class V>
constexpr int most_rows(int vectors, bool few_cold_rows) noexcept {
    if (V::registers < 32) return vectors == 1 ? 6 : 12 / vectors;
    if (few_cold_rows && vectors == 4) return 6;
    // 12 rows of one vector would meet in one set of L1 where rows of x are 4 KB apart: 4096 x 16 took 1.25 times as
    // long.
    return vectors == 1 ? 6 : 12 / vectors;
}

// Chains of a small tile that run side by side.
constexpr int tile_chains_at_once(int rows, int vectors) noexcept {
    int chains = 1;
    while (chains < few_chains && chains * rows * vectors < chains_wanted) chains *= 2;
    return chains;
}

// Rows from `row` on over a slice. By itself: of several in one function GCC 12 makes half the speed.
template <class Tile, class T>
__attribute__((noinline)) void run_tile(const PanelRows<T>& a, const Slice<T>& slice, Index row) noexcept {
    using V = typename Tile::V;
    constexpr Index full = panel_outputs<V>;
    typename Tile::Values sums;
    T* const carried = a.scratch + row * full;
    if (slice.chains.first > 0) sums.load(carried, full);
    const Index x_row_stride = a.panel.rows.x_row_stride;
    Operands<T> at{slice.x + row * x_row_stride, x_row_stride, slice.w, a.width};
    if (false && row + 2 * Tile::rows <= a.panel.rows.rows) at.next_x = at.x + Tile::rows * x_row_stride;
    sum_chains<Tile, tile_chains_at_once(Tile::rows, Tile::vectors)>(at, slice.chains, sums);

    const PanelRows<T>& b = again(a);
    const Batch<T>& batch = b.panel.rows;
    if (!slice.closes) return sums.store(carried, full);
    if (b.superblocks > 1) {
        const Index all = batch.rows * full;
        close_superblock<V>(slice.number, b.superblocks, sums, {carried + all, carried + 2 * all, full});
        if (slice.number + 1 < b.superblocks) return;
    }
    finish(sums, b.panel.at, b.panel.layer.activation, b.panel.y + row * batch.y_row_stride, batch.y_row_stride,
           b.panel.outputs);
}

// `tiles` tiles of `rows_each` rows, at most `rows`.
template <class V, int rows, int vectors, int lines, class T>
void some_tiles(const PanelRows<T>& a, const Slice<T>& slice, Index row, Index tiles, Index rows_each) noexcept {
    if (rows_each == rows) {
        for (Index i = 0; i < tiles; ++i) run_tile<Tile<V, rows, vectors, 1, lines>>(a, slice, row + i * rows);
    } else if constexpr (rows > 1) {
        some_tiles<V, rows - 1, vectors, lines>(a, slice, row, tiles, rows_each);
    }
}

// All rows, in tiles dealt out evenly (4 = 2 + 2, not 3 + 1), so that no row count falls off a cliff.
template <class V, int most, int vectors, int lines, class T>
void all_rows(const PanelRows<T>& a, const Slice<T>& slice) noexcept {
    const Index count = a.panel.rows.rows, tiles = (count + most - 1) / most;
    const Index each = count / tiles, larger = count - each * tiles;
    if (larger > 0) some_tiles<V, most, vectors, lines>(a, slice, 0, larger, each + 1);
    some_tiles<V, most, vectors, lines>(a, slice, larger * (each + 1), tiles - larger, each);
}

// 32 KB of a panel: a half superblock of 256 bytes for each k. 16 KB and 64 KB are slower (784 x 512, Zen 4).
constexpr Index slice_bytes = 32 * 1024;

template <class V, int vectors, int lines, bool few_cold_rows, class T>
void slices(const Panel<T>& panel, T* scratch, Fetch fetch) noexcept {
    constexpr int most = most_rows<V>(vectors, few_cold_rows);
    const Index depth = panel.layer.depth, length = superblock_length(depth);
    const Index width = Panels<T>{depth, panel.outputs, panel_outputs<V>, V::lanes}.stride(panel.outputs);
    const PanelRows<T> a{panel, scratch, width, depth > 0 ? superblock_count(depth) : 1, fetch};
    // One tile is all: there is nothing to keep in L1 for.
    const Index most_products = panel.rows.rows > most ? slice_bytes / (width * static_cast<Index>(sizeof(T))) : depth;
    Slice<T> slice{panel.rows.x, panel.at + width, {}, 0, true};
    for (; slice.number < a.superblocks; ++slice.number, slice.x += length, slice.w += length * width) {
        const Superblock s = superblock_of(depth, slice.number);
        slice.chains = {s, 0, s.chains, chain_count(depth)};
        const Index left = depth - slice.number * length;
        if ((left < length ? left : length) > most_products && s.chains > many_chains / 2) {
            slice.chains.end = many_chains / 2;
            slice.closes = false;
            all_rows<V, most, vectors, lines>(a, slice);
            slice.chains = {s, many_chains / 2, s.chains, chain_count(depth)};
            slice.closes = true;
        }
        all_rows<V, most, vectors, lines>(a, slice);
    }
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
