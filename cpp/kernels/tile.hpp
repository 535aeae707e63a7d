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

// The sums of finished chains, in memory (L1) on purpose: only the chains stay in registers. Left to
// choose, GCC 12 keeps some sums in registers and spills chains for them, at up to half the speed.
template <class V, int rows, int vectors>
struct Sums {
    alignas(64) typename V::Element at[rows][vectors * V::lanes];

    FORWARDPASS_INLINE typename V::Register load(int r, int v) const noexcept { return V::load(at[r] + v * V::lanes); }
    FORWARDPASS_INLINE void store(int r, int v, typename V::Register sum) noexcept {
        V::store(at[r] + v * V::lanes, sum);
    }
    FORWARDPASS_INLINE void fill(typename V::Element value) noexcept {
        for (int r = 0; r < rows; ++r)
            for (int v = 0; v < vectors; ++v) store(r, v, V::broadcast(value));
    }
};

// What a sum starts from: -0.0 is the identity of addition, as -0.0 + p == p in every bit, p == -0.0
// included. Read from here, the first block needs neither a branch nor sums filled beforehand, which
// took 4 % of a tile of K = 64.
template <class V, int rows, int vectors>
struct Start {
    Sums<V, rows, vectors> sums{};

    constexpr Start() noexcept {
        for (int r = 0; r < rows; ++r)
            for (int i = 0; i < vectors * V::lanes; ++i) sums.at[r][i] = static_cast<typename V::Element>(-0.0);
    }
};

template <class V, int rows, int vectors>
constexpr Start<V, rows, vectors> start_of_sums;

// Step k of `blocks` chains `length` steps apart: each takes x[k] w[k].
template <class V, int blocks, int rows, int vectors>
FORWARDPASS_INLINE void advance_chains(const Operands<typename V::Element>& at, Index k, Index length,
                                       typename V::Register (&chain)[blocks][rows][vectors]) noexcept {
    for (int b = 0; b < blocks; ++b) {
        const Index step = b * length + k;
        const auto weight = [&](int v) noexcept { return V::load(at.w + step * at.w_row_stride + v * V::lanes); };
        const auto input = [&](int r) noexcept { return V::broadcast(at.x[r * at.x_row_stride + step]); };
        // Hold the shorter side in registers and pass the longer one by: holding 6 inputs beside
        // 6 x 2 chains spilled 3 of those and ran at half the speed.
        if constexpr (vectors <= rows) {
            typename V::Register w[vectors];
            for (int v = 0; v < vectors; ++v) {
                w[v] = weight(v);
                if constexpr (rows > 1) V::hold(w[v]);  // one load, not one in each row's FMA: up to 35 %
            }
            for (int r = 0; r < rows; ++r) {
                const auto x = input(r);
                for (int v = 0; v < vectors; ++v) chain[b][r][v] = V::fma(x, w[v], chain[b][r][v]);
            }
        } else {
            typename V::Register x[rows];
            for (int r = 0; r < rows; ++r) x[r] = input(r);
            for (int v = 0; v < vectors; ++v) {
                auto w = weight(v);
                if constexpr (rows > 1) V::hold(w);
                for (int r = 0; r < rows; ++r) chain[b][r][v] = V::fma(x[r], w, chain[b][r][v]);
            }
        }
    }
}

// sums = *before + the next `blocks` blocks of `length` steps, in order; their chains run side by
// side. Then `before` is the sums. `unroll` (1 or 2) divides the length: 2 gains 1 to 2 %, with 4
// and 8 GCC 12 spills.
template <int blocks, int unroll, class V, int rows, int vectors>
FORWARDPASS_INLINE void add_blocks(Operands<typename V::Element>& at, Index length,
                                   const Sums<V, rows, vectors>*& before, Sums<V, rows, vectors>& sums) noexcept {
    typename V::Register chain[blocks][rows][vectors];
    for (int b = 0; b < blocks; ++b)
        for (int r = 0; r < rows; ++r)
            for (int v = 0; v < vectors; ++v) chain[b][r][v] = V::broadcast(0);
    for (Index k = 0; k < length; k += unroll) {
        advance_chains<V>(at, k, length, chain);
        if constexpr (unroll == 2) advance_chains<V>(at, k + 1, length, chain);
    }
    for (int r = 0; r < rows; ++r) {
        for (int v = 0; v < vectors; ++v) {
            auto sum = before->load(r, v);
            for (int b = 0; b < blocks; ++b) sum = V::add(sum, chain[b][r][v]);
            sums.store(r, v, sum);
        }
    }
    if constexpr (rows > 1) __asm__ volatile("" : : : "memory");  // keeps the sums out of registers
    before = &sums;
    at.advance(blocks * length);
}

// Adds `count` full blocks, as many at once as there are, then half as many, ...
template <int blocks, class V, int rows, int vectors>
FORWARDPASS_INLINE void add_full_blocks(Operands<typename V::Element>& at, Index count, Index length,
                                        const Sums<V, rows, vectors>*& before, Sums<V, rows, vectors>& sums) noexcept {
    for (; count >= blocks; count -= blocks) add_blocks<blocks, 2>(at, length, before, sums);
    if constexpr (blocks > 1) add_full_blocks<blocks / 2>(at, count, length, before, sums);
}

// The same for sums in registers: what `full` blocks and `rest` steps start from. Of nothing it is +0.0.
template <class T>
FORWARDPASS_INLINE T start_of_sum(Index full, Index rest) noexcept {
    return static_cast<T>(full == 0 && rest == 0 ? 0.0 : -0.0);
}

// Calls superblock(full, rest) for each superblock in turn: `full` full blocks and `rest` steps more.
template <class Superblock>
FORWARDPASS_INLINE void for_each_superblock(const Blocks& blocks, Superblock superblock) noexcept {
    Index left = blocks.full;
    for (; left > blocks_per_superblock || (left == blocks_per_superblock && blocks.rest > 0);
         left -= blocks_per_superblock)
        superblock(blocks_per_superblock, Index{0});
    superblock(left, blocks.rest);
}

template <class V, int rows, int vectors>
FORWARDPASS_INLINE void superblock_product(Operands<typename V::Element> at, Index block, Index full, Index rest,
                                           Sums<V, rows, vectors>& sums) noexcept {
    const Sums<V, rows, vectors>* before = &start_of_sums<V, rows, vectors>.sums;
    add_full_blocks<blocks_at_once(rows * vectors)>(at, full, block, before, sums);
    if (rest > 0) add_blocks<1, 1>(at, rest, before, sums);
    if (before != &sums) sums.fill(0);  // a sum of nothing
}

// A function of its own for each shape of tile: inlined into one large function, the same loops ran
// at half the speed, as GCC 12 then spills chains.
template <class V, int rows, int vectors>
__attribute__((noinline)) void separate_superblock_product(const Operands<typename V::Element>& at, Index block,
                                                           Index full, Index rest,
                                                           Sums<V, rows, vectors>& sums) noexcept {
    superblock_product(at, block, full, rest, sums);
}

// Step 3 of fma-v1.
template <class V, int rows, int vectors>
void deep_product(Operands<typename V::Element> at, const Blocks& blocks, Sums<V, rows, vectors>& total) noexcept {
    total.fill(static_cast<typename V::Element>(-0.0));
    for_each_superblock(blocks, [&](Index full, Index rest) noexcept {
        Sums<V, rows, vectors> sums;
        separate_superblock_product(at, blocks.block, full, rest, sums);
        at.advance(full * blocks.block + rest);
        for (int r = 0; r < rows; ++r)
            for (int v = 0; v < vectors; ++v) total.store(r, v, V::add(total.load(r, v), sums.load(r, v)));
    });
}

// sums = W x over the whole depth, for `rows` rows and `vectors` vectors of outputs. One row is
// short of work: the call alone would take 17 ns.
template <class V, int rows, int vectors>
FORWARDPASS_INLINE void product(const Operands<typename V::Element>& at, const Blocks& blocks,
                                Sums<V, rows, vectors>& sums) noexcept {
    if (!blocks.one_superblock) deep_product(at, blocks, sums);
    else if constexpr (rows == 1) superblock_product(at, blocks.block, blocks.full, blocks.rest, sums);
    else separate_superblock_product(at, blocks.block, blocks.full, blocks.rest, sums);
}

}  // namespace
}  // namespace forwardpass
