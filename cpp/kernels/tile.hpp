// The register tile: `rows` x `vectors` sums held in registers over all of k, in the order of
// order.hpp. Written once; V is the vector type of one instruction set (isa_*.cpp).
//
//   weights: row k of a matrix whose rows hold outputs side by side
//
//                  w[k]  |  vector 0  |  vector 1  | ...
//        x[r][k] --------+------------+------------+----      p[r][v] = fma(x[r][k], w[k][v], p[r][v])
//                        |  p[r][0]   |  p[r][1]   | ...      each lane is one output's own chain
#pragma once

#include "contract.hpp"
#include "order.hpp"

#define FORWARDPASS_INLINE __attribute__((always_inline)) inline

namespace forwardpass {
namespace {

// An FMA takes 4 cycles and two start in each (Zen 2-5, Skylake and later): 8 chains fill the units.
constexpr int chains_wanted = 8;

// How many blocks to run side by side so that a small tile has chains enough: a power of two, so
// that it divides the superblock.
constexpr int blocks_at_once(int sums) noexcept {
    int blocks = 1;
    while (blocks * sums < chains_wanted) blocks *= 2;
    return blocks;
}

template <class V, int rows, int vectors>
struct Tile {
    typename V::Register sum[rows][vectors];
};

template <class V, int rows, int vectors>
FORWARDPASS_INLINE Tile<V, rows, vectors> filled(typename V::Element value) noexcept {
    Tile<V, rows, vectors> tile;
    for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vectors; ++v) tile.sum[r][v] = V::broadcast(value);
    return tile;
}

template <class V, int rows, int vectors>
FORWARDPASS_INLINE void add_to(Tile<V, rows, vectors>& total, const Tile<V, rows, vectors>& part) noexcept {
    for (int r = 0; r < rows; ++r)
        for (int v = 0; v < vectors; ++v) total.sum[r][v] = V::add(total.sum[r][v], part.sum[r][v]);
}

template <class T>
FORWARDPASS_INLINE void add_to(T& total, T part) noexcept {
    total = total + part;
}

// Where a tile reads: rows of x, and rows (one for each k) of weights.
template <class T>
struct Operands {
    const T* x;
    Index x_row_stride;
    const T* w;
    Index w_row_stride;

    FORWARDPASS_INLINE void advance(Index steps) noexcept {
        x += steps;
        w += steps * w_row_stride;
    }
};

// Adds the next `blocks` blocks of `length` steps to `sums`, in order; their chains run side by side.
template <int blocks, class V, int rows, int vectors>
FORWARDPASS_INLINE void add_blocks(Operands<typename V::Element>& at, Index length,
                                   Tile<V, rows, vectors>& sums) noexcept {
    Tile<V, rows, vectors> chains[blocks];
    for (int b = 0; b < blocks; ++b) chains[b] = filled<V, rows, vectors>(0);
    for (Index k = 0; k < length; ++k) {
        for (int b = 0; b < blocks; ++b) {
            const Index step = b * length + k;
            typename V::Register x[rows];
            for (int r = 0; r < rows; ++r) x[r] = V::broadcast(at.x[r * at.x_row_stride + step]);
            for (int v = 0; v < vectors; ++v) {
                const auto w = V::load(at.w + step * at.w_row_stride + v * V::lanes);
                for (int r = 0; r < rows; ++r) chains[b].sum[r][v] = V::fma(x[r], w, chains[b].sum[r][v]);
            }
        }
    }
    for (int b = 0; b < blocks; ++b) add_to(sums, chains[b]);
    at.advance(blocks * length);
}

// Adds `count` full blocks, as many at once as there are, then half as many, ...
template <int blocks, class V, int rows, int vectors>
FORWARDPASS_INLINE void add_full_blocks(Operands<typename V::Element>& at, Index count, Index length,
                                        Tile<V, rows, vectors>& sums) noexcept {
    for (; count >= blocks; count -= blocks) add_blocks<blocks>(at, length, sums);
    if constexpr (blocks > 1) add_full_blocks<blocks / 2>(at, count, length, sums);
}

// What a sum over `depth` steps starts from: -0.0 is the identity of addition (-0.0 + p == p in
// every bit, p == -0.0 included), and a sum of nothing is +0.0.
template <class T>
FORWARDPASS_INLINE T empty_sum(Index depth) noexcept {
    return depth == 0 ? T{0} : static_cast<T>(-0.0);
}

// Step 3 of fma-v1: the sums of the superblocks, added left to right. `superblock(start, length)`
// gives one of them.
template <class Superblock>
FORWARDPASS_INLINE auto sum_of_superblocks(Index depth, Index block, Superblock superblock) noexcept {
    const Index length = block * blocks_per_superblock;
    auto total = superblock(0, depth < length ? depth : length);
    for (Index start = length; start < depth; start += length)
        add_to(total, superblock(start, depth - start < length ? depth - start : length));
    return total;
}

// W x of the whole depth for `rows` rows and `vectors` vectors of outputs.
template <class V, int rows, int vectors>
FORWARDPASS_INLINE Tile<V, rows, vectors> product(Operands<typename V::Element> at, Index depth) noexcept {
    using T = typename V::Element;
    const Index block = block_length(depth);
    return sum_of_superblocks(depth, block, [&](Index, Index length) noexcept {
        auto sums = filled<V, rows, vectors>(empty_sum<T>(depth));
        const Index full = block == 0 ? 0 : length / block;
        add_full_blocks<blocks_at_once(rows * vectors)>(at, full, block, sums);
        if (length > full * block) add_blocks<1>(at, length - full * block, sums);
        return sums;
    });
}

}  // namespace
}  // namespace forwardpass
