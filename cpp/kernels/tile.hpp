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
    T* y;                      // of the first row
    bool chain_order = false;  // of x (pack.hpp)
};

// What all tiles of one panel share.
template <class T>
struct PanelRows {
    const Panel<T>& panel;
    T* scratch;
    Index width;
    Index superblocks;
    Index passes;  // of tiles that share the fetching of weights, 0 for none
};

// A superblock, or some of its chains, of a panel: where it begins, and what it is.
template <class T>
struct Slice {
    const T *x, *w;
    Chains chains;
    Index number;  // of the superblock
    bool closes;   // the superblock
    Index rows;    // of the panel
};

// The most rows of a tile of so many vectors, for weights in a cache, or from memory for few rows. 32 registers hold 3
// x 4 chains, their sums, 3 inputs and a weight; 6 x 4 chains, whose sums are in memory, are slower but where few rows
// wait for weights from memory [log 10]. 16 registers hold 6 x 2 chains [log 3].
template <class V>
constexpr int most_rows(int vectors, bool few_cold_rows) noexcept {
    if (V::registers == 32 && few_cold_rows && vectors == 4) return 6;
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

// How far ahead of the weights in use others are fetched from memory in a single pass: 8 KB.
template <class T>
constexpr Index fetch_distance = Index{8192 / sizeof(T)};

// What tile number `pass` fetches of weights from memory: in the only pass a little ahead of those in use; in the first
// of several its share of the next slice. Without that 8 rows of 8192 x 8192 took 13.8 ms, not 11.7 (Zen 4).
template <class T>
FORWARDPASS_INLINE void fetch_weights(const PanelRows<T>& a, const Slice<T>& slice, Index pass,
                                      Operands<T>& at) noexcept {
    const T* const w = slice.w + slice.chains.first * slice.chains.superblock.steps * a.width;
    at.fetched = w;
    if (a.passes == 1) {
        at.fetched += fetch_distance<T>;
        at.fetch_stride = a.width;
    } else if (pass < a.passes) {
        at.fetched += (slice.rows + pass * slice.rows / a.passes) * a.width;
        at.fetch_stride = a.width / a.passes;
    }
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
    if constexpr (Tile::lines > 0) fetch_weights(a, slice, row / Tile::rows, at);
    // One vector does little with each x: from a cache it comes fast enough by itself, and 64 rows of 4096 x 16 take 45
    // us, not 51 (AVX-512, Zen 5).
    const bool fetches_x = a.superblocks > 1 && !a.panel.chain_order && (Tile::vectors > 1 || a.panel.rows.cold);
    if (fetches_x && row + 2 * Tile::rows <= a.panel.rows.rows) at.next_x = at.x + Tile::rows * x_row_stride;
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

template <class V, int most, int vectors, int lines, class T>
void slices(const Panel<T>& panel, T* scratch, Index passes) noexcept {
    const Index depth = panel.layer.depth, length = superblock_length(depth);
    const Index width = Panels<T>{depth, panel.outputs, panel_outputs<V>, V::lanes}.stride(panel.outputs);
    const PanelRows<T> a{panel, scratch, width, depth > 0 ? superblock_count(depth) : 1, passes};
    const auto some_chains = [&](const Superblock& s, Index first, Index end) {
        return panel.chain_order ? Chains{s, first, end, 1, s.steps} : Chains{s, first, end, chain_count(depth), 1};
    };
    // One tile is all: there is nothing to keep in L1 for.
    const Index most_products = panel.rows.rows > most ? slice_bytes / (width * static_cast<Index>(sizeof(T))) : depth;
    Slice<T> slice{panel.rows.x, panel.at + width, {}, 0, true, 0};
    for (; slice.number < a.superblocks; ++slice.number, slice.x += length, slice.w += length * width) {
        const Superblock s = superblock_of(depth, slice.number);
        const Index left = depth - slice.number * length;
        slice.rows = left < length ? left : length;
        slice.chains = some_chains(s, 0, s.chains);
        if (slice.rows > most_products && s.chains > many_chains / 2) {
            slice.rows /= 2;
            slice.chains.end = many_chains / 2;
            slice.closes = false;
            all_rows<V, most, vectors, lines>(a, slice);
            slice.chains = some_chains(s, many_chains / 2, s.chains);
            slice.closes = true;
        }
        all_rows<V, most, vectors, lines>(a, slice);
    }
}

// Two rows and more over a panel of `vectors` vectors. Weights from memory are fetched where a panel is full: one tile
// fetches whole rows of it, two or four tiles their shares. Where three shared four lines, 2 and 3 rows each lost 10 to
// 20 % (Zen 4).
template <class V, int vectors, class T>
void tiles_of(const Panel<T>& panel, T* scratch) noexcept {
    constexpr int most = most_rows<V>(vectors, false), few = most_rows<V>(vectors, true);
    constexpr int lines = static_cast<int>(padded<T>(vectors * V::lanes) / line_elements<T>);
    const Index rows = panel.rows.rows;
    if constexpr (vectors == V::panel_vectors)
        if (panel.layer.cold) {
            if (rows <= most) return slices<V, most, vectors, lines>(panel, scratch, 1);
            if (rows <= few) return slices<V, few, vectors, lines>(panel, scratch, 1);
            if (rows <= 2 * few) return slices<V, few, vectors, (lines + 1) / 2>(panel, scratch, 2);
            return slices<V, most, vectors, (lines + 3) / 4>(panel, scratch, 4);
        }
    slices<V, most, vectors, 0>(panel, scratch, 0);
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
