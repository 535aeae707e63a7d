// The register tile: `rows` x `vectors` chains held in registers over a block of k, and the sums they
// close into, in the order of order.hpp. Written once; V is the vector type of one instruction set
// (isa_*.cpp).
//
//   weights: row k of a matrix whose rows hold outputs side by side
//
//                  w[k]  |  vector 0  |  vector 1  | ...
//        x[r][k] --------+------------+------------+----      p[r][v] = fma(x[r][k], w[k][v], p[r][v])
//                        |  p[r][0]   |  p[r][1]   | ...      each lane is one output's own chain
#pragma once

#include "contract.hpp"
#include "slices.hpp"
#include "unrolled.hpp"

namespace forwardpass {
namespace {

// An FMA takes 4 cycles and two start in each (Zen 2-5, Skylake and later): 8 chains fill the units.
constexpr int chains_wanted = 8;

// How many blocks to run side by side so that a small tile has chains enough: a power of two, so
// that it divides the superblock. One row of three or four cache lines has fewer chains, but reads its weights as one
// stream, which L2 gives at 45 bytes a cycle, and two streams at 32: 256 x 256 takes 1.46 us, with two blocks 1.95; in
// L1 both are as fast (AVX-512, Zen 5).
template <class V>
constexpr int blocks_at_once(int rows, int vectors) noexcept {
    const bool one_stream = rows == 1 && vectors * V::lanes >= 3 * panel_alignment<typename V::Element>;
    int blocks = 1;
    while (!one_stream && blocks * rows * vectors < chains_wanted) blocks *= 2;
    return blocks;
}

// Where a tile reads: rows of x, and rows (one for each k) of weights; and what it fetches meanwhile, so many elements
// further in each step.
template <class T>
struct Operands {
    const T* x;
    Index x_row_stride;
    const T* w;
    Index w_row_stride;
    const T* fetched = nullptr;
    Index fetch_stride = 0;

    FORWARDPASS_INLINE void advance(Index steps) noexcept {
        x += steps;
        w += steps * w_row_stride;
    }
};

// The sums of finished chains. 32 registers hold 12 chains, their 12 sums and the operands, and a block
// costs no memory; larger tiles, and those of 16 registers, hold chains alone.
template <class V, int rows, int vectors>
struct Sums {
    typename V::Register at[rows][vectors];

    FORWARDPASS_INLINE void fill(typename V::Element value) noexcept {
        unrolled<rows * vectors>([&](auto i)
                                     FORWARDPASS_UNROLLED { at[i / vectors][i % vectors] = V::broadcast(value); });
    }
    // Left to choose, GCC 12 keeps some sums in registers and spills chains for them, at up to half the speed.
    FORWARDPASS_INLINE void settle() noexcept {
        if constexpr (rows > 1 && (V::registers < 32 || rows * vectors > 12)) __asm__ volatile("" : "+m"(at));
    }
};

// One step of the chain of each sum: x[k] w[k].
template <class V, int rows, int vectors>
FORWARDPASS_INLINE void advance_chains(const Operands<typename V::Element>& at,
                                       typename V::Register (&chain)[rows][vectors]) noexcept {
    const auto weight = [&](int v) FORWARDPASS_UNROLLED { return V::load(at.w + v * V::lanes); };
    const auto input = [&](int r) FORWARDPASS_UNROLLED { return V::load_broadcast(at.x + r * at.x_row_stride); };
    // Hold the shorter side in registers and pass the longer one by: holding 6 inputs beside
    // 6 x 2 chains spilled 3 of those and ran at half the speed.
    if constexpr (vectors <= rows || (V::registers == 32 && rows > 1)) {
        typename V::Register w[vectors];
        unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED {
            // By way of a variable: GCC 12 else keeps w in memory beside sums that are there, and 8 rows of 8192 x 8192
            // took 15.0 ms, not 11.9.
            auto value = weight(v);
            if constexpr (rows > 1) V::hold(value);  // one load, not one in each row's FMA: up to 35 %
            w[v] = value;
        });
        unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED {
            const auto x = input(r);
            unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED { chain[r][v] = V::fma(x, w[v], chain[r][v]); });
        });
    } else {
        typename V::Register x[rows];
        unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED { x[r] = input(r); });
        unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED {
            auto w = weight(v);
            if constexpr (rows > 1) V::hold(w);
            unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED { chain[r][v] = V::fma(x[r], w, chain[r][v]); });
        });
    }
}

// How far ahead of the weights in use others are fetched from memory: 8 KB. One row of 4096 x 4096 takes 2.4 ms instead
// of 3.4, of 2048 x 2048 0.23 to 0.24 instead of 0.24 to 0.29; 4 and 16 KB are as good, 32 KB loses half of it. Weights
// in L2 would lose 4 %, in L3 3 % (Zen 4).
template <class T>
constexpr Index fetch_distance = Index{8192 / sizeof(T)};

// Fetches so many cache lines: whole rows of a panel into L1, where the next block is about to want them, parts of them
// into L2, where they wait longer.
template <int lines, class T>
FORWARDPASS_INLINE void fetch(Operands<T>& at) noexcept {
    if constexpr (lines > 0) {
        unrolled<lines>([&](auto line) FORWARDPASS_UNROLLED {
            __builtin_prefetch(at.fetched + line * panel_alignment<T>, 0, lines == 4 ? 3 : 2);
        });
        at.fetched += at.fetch_stride;
    }
}

// sums += the next `blocks` blocks of `length` steps, in order; their chains run side by side. Each step
// fetches so many cache lines. Two and four steps in each turn of the loop gain nothing (Zen 4).
template <int lines, int blocks, class V, int rows, int vectors>
FORWARDPASS_INLINE void add_blocks(Operands<typename V::Element>& at, Index length,
                                   Sums<V, rows, vectors>& sums) noexcept {
    typename V::Register chain[blocks][rows][vectors];
    unrolled<blocks * rows * vectors>([&](auto i) FORWARDPASS_UNROLLED {
        chain[i / (rows * vectors)][i / vectors % rows][i % vectors] = V::broadcast(0);
    });
    Operands<typename V::Element> step = at;
    for (const auto* const end = at.x + length; step.x != end; step.advance(1))
        unrolled<blocks>([&](auto b) FORWARDPASS_UNROLLED {
            Operands<typename V::Element> block = step;
            block.advance(b * length);
            fetch<lines>(at);
            advance_chains<V>(block, chain[b]);
        });
    unrolled<rows * vectors>([&](auto i) FORWARDPASS_UNROLLED {
        auto& sum = sums.at[i / vectors][i % vectors];
        unrolled<blocks>([&](auto b) FORWARDPASS_UNROLLED { sum = V::add(sum, chain[b][i / vectors][i % vectors]); });
    });
    sums.settle();
    at.advance(blocks * length);
}

// Adds `count` full blocks, as many at once as there are, then half as many, ...
template <int lines, int blocks, class V, int rows, int vectors>
FORWARDPASS_INLINE void add_full_blocks(Operands<typename V::Element>& at, Index count, Index length,
                                        Sums<V, rows, vectors>& sums) noexcept {
    for (; count >= blocks; count -= blocks) add_blocks<lines, blocks>(at, length, sums);
    if constexpr (blocks > 1) add_full_blocks<lines, blocks / 2>(at, count, length, sums);
}

// sums += blocks of one superblock, that begin where `at` is.
template <int lines, class V, int rows, int vectors>
FORWARDPASS_INLINE void add_products(Operands<typename V::Element> at, const Blocks& blocks,
                                     Sums<V, rows, vectors>& sums) noexcept {
    add_full_blocks<lines, blocks_at_once<V>(rows, vectors)>(at, blocks.full, blocks.block, sums);
    if (const Index rest = again(blocks).rest; rest > 0) add_blocks<lines, 1>(at, rest, sums);
}

}  // namespace
}  // namespace forwardpass
