// Chains whose lanes are outputs: x[k] is broadcast, and a row of weights is loaded, k after k.
//
//   weights: rows of a panel, or of several side by side
//
//                  w[k]  |  vector 0  |  vector 1  | ...
//        x[r][k] --------+------------+------------+----      p[r][v] = fma(x[r][k], w[k][v], p[r][v])
//                        |  p[r][0]   |  p[r][1]   | ...      each lane is one output's own chain
#pragma once

#include "sums.hpp"

namespace forwardpass {
namespace {

// An FMA takes 4 cycles and two start in each (Zen 2-5, Skylake and later): 8 chains fill the units.
constexpr int chains_wanted = 8;

// Where a superblock's chains begin: the rows of x and the rows of weights. And what is fetched meanwhile: each step
// moves it on.
template <class T>
struct Operands {
    const T* x;
    Index x_row_stride;
    const T* w;
    Index w_row_stride;
    Index panel_distance = 0;  // of panels side by side
    const T* fetched = nullptr;
    Index fetch_stride = 0;
    const T* next_x = nullptr;  // rows that are wanted next
};

// A tile: rows of x, vectors of outputs in panels of so many, and cache lines that each of its steps fetches.
template <class Vector, int row_count, int vector_count, int panel_count = 1, int line_count = 0>
struct Tile {
    using V = Vector;
    using T = Element<V>;
    using Values = Sums<V, row_count, vector_count>;
    static constexpr int rows = row_count, vectors = vector_count, panels = panel_count, lines = line_count;
    static constexpr int in_panel = vectors / panels;
    static constexpr bool whole_rows = lines * line_elements<T> >= in_panel * V::lanes;
    // 32 registers hold 12 chains, their 12 sums and the operands, and a chain costs no memory; larger tiles, and those
    // of 16 registers, hold chains alone. Left to choose, GCC 12 keeps some sums in registers and spills chains for
    // them, at up to half the speed.
    static constexpr bool sums_in_memory = rows * vectors * (V::registers == 32 ? 1 : 2) > 12 && rows > 1;
};

// One step of each chain: x[k] w[k].
template <class Tile, class T>
FORWARDPASS_INLINE void advance(const T* x, Index x_row_stride, const T* w, Index panel_distance,
                                typename Tile::Values& chain) noexcept {
    using V = typename Tile::V;
    constexpr int rows = Tile::rows, vectors = Tile::vectors;
    const auto weight = [&](int v) FORWARDPASS_UNROLLED {
        return V::load(w + v / Tile::in_panel * panel_distance + v % Tile::in_panel * V::lanes);
    };
    const auto input = [&](int r) FORWARDPASS_UNROLLED { return V::load_broadcast(x + r * x_row_stride); };
    // Hold the shorter side in registers and pass the longer one by: holding 6 inputs beside
    // 6 x 2 chains spilled 3 of those and ran at half the speed.
    if constexpr (vectors <= rows || (V::registers == 32 && rows > 1)) {
        Register<V> held[vectors];
        unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED {
            // By way of a variable: GCC 12 else keeps w in memory beside sums that are there, and 8 rows of 8192 x 8192
            // took 15.0 ms, not 11.9.
            auto value = weight(v);
            if constexpr (rows > 1) V::hold(value);  // one load, not one in each row's FMA: up to 35 %
            held[v] = value;
        });
        unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED {
            const auto value = input(r);
            unrolled<vectors>([&](auto v)
                                  FORWARDPASS_UNROLLED { chain.at[r][v] = V::fma(value, held[v], chain.at[r][v]); });
        });
    } else {
        Register<V> held[rows];
        unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED { held[r] = input(r); });
        unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED {
            auto value = weight(v);
            if constexpr (rows > 1) V::hold(value);
            unrolled<rows>([&](auto r)
                               FORWARDPASS_UNROLLED { chain.at[r][v] = V::fma(held[r], value, chain.at[r][v]); });
        });
    }
}

// Whole rows of a panel into L1, where the next chain is about to want them, parts of them into L2, where they wait
// longer.
template <class Tile, class T>
FORWARDPASS_INLINE void fetch(const T* fetched, Index panel_distance) noexcept {
    if constexpr (Tile::lines > 0) {
        unrolled<Tile::panels>([&](auto p) FORWARDPASS_UNROLLED {
            unrolled<Tile::lines>([&](auto line) FORWARDPASS_UNROLLED {
                __builtin_prefetch(fetched + p * panel_distance + line * line_elements<T>, 0, Tile::whole_rows ? 3 : 2);
            });
        });
    }
}

// A chain's share of the lines of x that the next tile reads: all at once they are too many for L2 in its first chain.
template <class Tile, int chains, class T>
FORWARDPASS_INLINE void fetch_rows(const Operands<T>& at, Index chain) noexcept {
    constexpr int lines = 2 * static_cast<int>(chain_length / line_elements<T>);
    const T* const next = at.next_x + (chain % 4) * 2 * chain_length;
    unrolled<Tile::rows>([&](auto r) FORWARDPASS_UNROLLED {
        unrolled<chains * lines>([&](auto line) FORWARDPASS_UNROLLED {
            __builtin_prefetch(next + r * at.x_row_stride + line * line_elements<T>);
        });
    });
}

// Some chains, [first, end), of a superblock. x lies as it is, or chain by chain as well (pack.hpp).
struct Chains {
    Superblock superblock;
    Index first, end;
    Index x_step, x_chain;  // from one x of a chain to the next, and from one chain to the next
};

// result = the sum of those chains, `side_by_side` of them at once, added from left to right, behind what it holds
// where they are not the first ones.
template <class Tile, int side_by_side, class T>
FORWARDPASS_INLINE void sum_chains(const Operands<T>& at, const Chains& chains,
                                   typename Tile::Values& result) noexcept {
    using Values = typename Tile::Values;
    Values sums;
    if (chains.first > 0) sums = result;
    const Index steps = chains.superblock.steps, longer = chains.superblock.longer;
    const Index x_step = chains.x_step, x_chain = chains.x_chain, x_steps = steps * x_step;
    const Index w_step = at.w_row_stride, chain_of_w = steps * w_step;
    const T* fetched = at.fetched;
    const T* start = at.x + chains.first * x_chain;
    const T* w = at.w + chains.first * chain_of_w;
    for (Index c = chains.first;;) {
        Values chain[side_by_side];
        unrolled<side_by_side>([&](auto b) FORWARDPASS_UNROLLED {
            // A chain that does not exist adds nothing: -0.0.
            chain[b].fill(b == 0 || c + b < chains.end ? T{0} : static_cast<T>(-0.0));
        });
        if (Tile::rows > 1 && at.next_x != nullptr) fetch_rows<Tile, side_by_side>(at, c);
        const T* x = start;
        for (const T* const stop = start + x_steps; x != stop; x += x_step, w += w_step) {
            fetch<Tile>(fetched, at.panel_distance);
            fetched += at.fetch_stride;
            unrolled<side_by_side>([&](auto b) FORWARDPASS_UNROLLED {
                advance<Tile>(x + b * x_chain, at.x_row_stride, w + b * chain_of_w, at.panel_distance, chain[b]);
            });
        }
        if (__builtin_expect(c < longer, 0)) {
            const Index row = chains.superblock.chains * steps + c;
            unrolled<side_by_side>([&](auto b) FORWARDPASS_UNROLLED {
                if (b == 0 || c + b < longer)
                    advance<Tile>(at.x + row + b, at.x_row_stride, at.w + (row + b) * w_step, at.panel_distance,
                                  chain[b]);
            });
        }
        if (c > 0) chain[0].add_to(sums);
        unrolled<side_by_side - 1>([&](auto b) FORWARDPASS_UNROLLED { chain[b + 1].add_to(chain[b]); });
        c += side_by_side;
        if (c >= chains.end) {
            result = chain[side_by_side - 1];
            return;
        }
        sums = chain[side_by_side - 1];
        if constexpr (Tile::sums_in_memory) __asm__ volatile("" : "+m"(sums));
        start += side_by_side * x_chain;
        w += (side_by_side - 1) * chain_of_w;
    }
}

}  // namespace
}  // namespace forwardpass
