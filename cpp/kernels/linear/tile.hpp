// Batches: register tiles run over a panel, slice by slice. A slice is a part of a panel's weights that stays in L1
// while all rows of the batch pass over it. Between two slices the sums wait in scratch memory.
#pragma once

#include "kernels/linear/chains.hpp"
#include "kernels/linear/epilogue.hpp"

namespace forwardpass {
namespace {

// One panel of a layer, the rows that run through it, and what its tiles share.
template <class T>
struct Panel {
    const PackedLinear<T>& layer;
    const Batch<T>& rows;
    const T* at;
    Index outputs, width;
    T* y;  // of the first row
    T* scratch;
    Index passes = 0;  // of tiles that share the fetching of weights, 0 for none
};

// The part of a panel that stays in L1: chains [first, end) of superblock `number`.
template <class T>
struct Slice {
    const T *x, *w;  // of the superblock
    Superblock superblock;
    Index number, first, end;
};

// The most rows of a tile of `vectors` vectors. `few_cold_rows` says that few rows wait for weights from memory. Twelve
// chains fill the registers, or half of 32, whose other half holds the sums [log 3]. Twice as many chains need their
// sums in memory, and pay only for few cold rows [log 10].
template <class V>
constexpr int most_rows(int vectors, bool few_cold_rows) noexcept {
    if (V::registers == 32 && few_cold_rows && vectors == 4) return 6;
    // With one vector each FMA reads an x. 8 rows are 8 chains, which fill the units [log 12].
    return vectors == 1 ? 8 : 12 / vectors;
}

// How far ahead of the weights in use a single pass fetches weights from memory: 8 KB, as for one row [log 6].
template <class T>
constexpr Index fetch_distance = Index{8192 / sizeof(T)};

// Sets what tile number `pass` fetches of weights in memory. A single pass fetches a little ahead of the weights in
// use. If there are several, each of the first ones fetches its share of the next slice.
template <class T>
FORWARDPASS_INLINE void fetch_weights(const Panel<T>& a, const Slice<T>& slice, Index pass, Operands<T>& at) noexcept {
    const Index begin = slice.superblock.steps_before(slice.first);
    at.fetched = at.w + begin * a.width;
    if (a.passes == 1) {
        at.fetched += fetch_distance<T>;
        at.fetch_stride = a.width;
    } else if (pass < a.passes) {
        const Index rows = slice.superblock.steps_before(slice.end) - begin;
        at.fetched += (rows + pass * rows / a.passes) * a.width;
        at.fetch_stride = a.width / a.passes;
    }
}

// Runs the rows from `row` on over a slice. Kept out of line: with several tiles in one function GCC 12 runs out of
// registers [log 8].
template <class Tile, class T>
__attribute__((noinline)) void run_tile(const Panel<T>& a, const Slice<T>& slice, Index row) noexcept {
    using V = typename Tile::V;
    constexpr Index full = panel_outputs<V>;
    constexpr bool many = Tile::chains > few_chains;
    typename Tile::Values sums;
    T* const carried = a.scratch + row * full;
    if (many && slice.first > 0) sums.load(carried, full);
    else sums.fill(static_cast<T>(-0.0));
    Operands<T> at{slice.x + row * a.rows.x_row_stride, a.rows.x_row_stride, slice.w, a.width};
    // The first panel reads x for the others.
    if (a.rows.from_memory && a.at == a.layer.panels) at.x_ahead = superblock_length(a.layer.depth);
    if constexpr (Tile::lines > 0) fetch_weights(a, slice, row / Tile::rows, at);
    add_chains<Tile>(at, slice.superblock, slice.first, slice.end, sums);

    const Panel<T>& b = again(a);
    if constexpr (many) {
        if (slice.end < many_chains) return sums.store(carried, full);
        const Index count = superblock_count(b.layer.depth), all = b.rows.rows * full;
        close_superblock<V>(slice.number, count, sums, {carried + all, carried + 2 * all, full});
        if (slice.number + 1 < count) return;
    }
    finish(sums, b.at, b.layer.activation, b.y + row * b.rows.y_row_stride, b.rows.y_row_stride, b.outputs);
}

// Runs `tiles` tiles of `rows_each` rows, which is at most `rows`.
template <class V, int chains, int rows, int vectors, int lines, class T>
void some_tiles(const Panel<T>& a, const Slice<T>& slice, Index row, Index tiles, Index rows_each) noexcept {
    if (rows_each == rows) {
        for (Index i = 0; i < tiles; ++i) run_tile<Tile<V, chains, rows, vectors, lines>>(a, slice, row + i * rows);
    } else if constexpr (rows > 1) {
        some_tiles<V, chains, rows - 1, vectors, lines>(a, slice, row, tiles, rows_each);
    }
}

// Runs all rows in tiles of even sizes (4 = 2 + 2, not 3 + 1), so that no number of rows is much slower than the next.
template <class V, int chains, int most, int vectors, int lines, class T>
void all_rows(const Panel<T>& a, const Slice<T>& slice) noexcept {
    const Index count = a.rows.rows, tiles = (count + most - 1) / most;
    const Index each = count / tiles, larger = count - each * tiles;
    if (larger > 0) some_tiles<V, chains, most, vectors, lines>(a, slice, 0, larger, each + 1);
    some_tiles<V, chains, most, vectors, lines>(a, slice, larger * (each + 1), tiles - larger, each);
}

// 32 KB of a panel: a half superblock of 256 bytes for each k. Half of that and twice that are slower [log 11].
constexpr Index slice_bytes = 32 * 1024;

template <class V, int most, int vectors, int lines, class T>
void slices(const Panel<T>& a) noexcept {
    const Index depth = a.layer.depth, length = superblock_length(depth);
    Slice<T> slice{a.rows.x, a.at + a.width, superblock_of(depth, 0), 0, 0, few_chains};
    if (chain_count(depth) == few_chains) return all_rows<V, few_chains, most, vectors, lines>(a, slice);
    // A single tile reads the weights once, so nothing needs to stay in L1.
    const bool halves = a.rows.rows > most && length * a.width * static_cast<Index>(sizeof(T)) > slice_bytes;
    const Index chains = halves ? many_chains / 2 : many_chains;
    for (; slice.number < superblock_count(depth); ++slice.number, slice.x += length, slice.w += length * a.width) {
        slice.superblock = superblock_of(depth, slice.number);
        for (slice.first = 0; slice.first < many_chains; slice.first = slice.end) {
            slice.end = slice.first + chains;
            all_rows<V, many_chains, most, vectors, lines>(a, slice);
        }
    }
}

// Runs two rows and more over a panel of `vectors` vectors. For a full panel the tiles fetch weights from memory: one
// tile fetches whole rows, two or four tiles their shares. Three that shared four lines lost a tenth and more [log 20].
template <class V, int vectors, class T>
void tiles_of(Panel<T>& a, bool streaming) noexcept {
    constexpr int most = most_rows<V>(vectors, false), few = most_rows<V>(vectors, true);
    constexpr int lines = static_cast<int>(padded<T>(vectors * V::lanes) / line_elements<T>);
    const Index rows = a.rows.rows;
    if constexpr (vectors == V::panel_vectors)
        if (streaming) {
            a.passes = rows <= few ? 1 : rows <= 2 * few ? 2 : 4;
            if (rows <= most) return slices<V, most, vectors, lines>(a);
            if (rows <= few) return slices<V, few, vectors, lines>(a);
            if (rows <= 2 * few) return slices<V, few, vectors, (lines + 1) / 2>(a);
            return slices<V, most, vectors, (lines + 3) / 4>(a);
        }
    slices<V, most, vectors, 0>(a);
}

template <class V, int vectors = V::panel_vectors, class T>
void tiles(Panel<T>& a, bool streaming) noexcept {
    if (vectors == 1 || a.outputs > (vectors - 1) * V::lanes) return tiles_of<V, vectors>(a, streaming);
    if constexpr (vectors > 1) tiles<V, vectors - 1>(a, streaming);
}

}  // namespace
}  // namespace forwardpass
