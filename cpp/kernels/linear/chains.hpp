// Chains whose lanes are outputs: x[k] is broadcast, and a row of weights is loaded, k after k.
//
//   weights: rows of a panel, or of several side by side
//
//                  w[k]  |  vector 0  |  vector 1  | ...
//        x[r][k] --------+------------+------------+----      p[r][v] = fma(x[r][k], w[k][v], p[r][v])
//                        |  p[r][0]   |  p[r][1]   | ...      each lane is one output's own chain
#pragma once

#include "kernels/linear/sums.hpp"

namespace forwardpass {
namespace {

// An FMA takes 4 cycles and two start in each (Zen 2-5, Skylake and later): 8 chains fill the units.
constexpr int chains_wanted = 8;

// Where a superblock's chains begin: the rows of x and the rows of weights. And the memory to fetch ahead, which each
// step moves on.
template <class T>
struct Operands {
    const T* x;
    Index x_row_stride;
    const T* w;
    Index w_row_stride;
    Index panel_distance = 0;  // of panels side by side
    Index x_ahead = 0;         // elements from x to what is fetched of its rows, or 0
    const T* fetched = nullptr;
    Index fetch_stride = 0;
};

// A tile: its chains of a superblock, rows of x, vectors of outputs, the panels that these vectors come from, and the
// cache lines that each step fetches.
template <class Vector, int chain_count, int row_count, int vector_count, int line_count = 0, int panel_count = 1>
struct Tile {
    using V = Vector;
    using T = Element<V>;
    using Values = Sums<V, row_count, vector_count>;
    static constexpr int chains = chain_count, rows = row_count, vectors = vector_count, lines = line_count;
    static constexpr int panels = panel_count, in_panel = vectors / panels;
    // How many chains run side by side, so that small tiles fill the units too. One row with three cache lines and more
    // runs one chain at a time. It then reads its weights as one stream, which L2 gives faster than two [log 7].
    static constexpr int wanted = (chains_wanted + rows * vectors - 1) / (rows * vectors);
    static constexpr bool one_stream = rows == 1 && vectors * V::lanes >= 3 * line_elements<T>;
    static constexpr int at_once = one_stream || wanted <= 1 ? 1 : wanted <= 2 ? 2 : 4;
    // In 32 registers 12 chains leave room for as many sums, and a chain costs no memory. Larger tiles hold chains
    // alone, and so do those of 16 registers: GCC 12 would keep some sums in registers and spill chains for them.
    static constexpr bool sums_in_memory = rows > 1 && rows * vectors * (V::registers == 32 ? 1 : 2) > 12;
};

// One step of each chain: x[k] w[k].
template <class Tile, class T>
FORWARDPASS_INLINE void advance(const T* x, Index x_row_stride, const T* w, Index panel_distance,
                                typename Tile::Values& chain) noexcept {
    using V = typename Tile::V;
    Register<V> held[Tile::vectors];
    unrolled<Tile::vectors>([&](auto v) FORWARDPASS_UNROLLED {
        // A variable, because without it GCC 12 keeps w in memory if the sums are there [log 11].
        auto value = V::load(w + v / Tile::in_panel * panel_distance + v % Tile::in_panel * V::lanes);
        if constexpr (Tile::rows > 1) V::hold(value);  // one load, not one in each row's FMA
        held[v] = value;
    });
    unrolled<Tile::rows>([&](auto r) FORWARDPASS_UNROLLED {
        const auto value = V::load_broadcast(x + r * x_row_stride);
        unrolled<Tile::vectors>([&](auto v)
                                    FORWARDPASS_UNROLLED { chain.at[r][v] = V::fma(value, held[v], chain.at[r][v]); });
    });
}

// Fetches whole rows of a panel into L1, because the next chain needs them soon. Parts of rows must wait longer, so
// they go to L2.
template <class Tile, class T>
FORWARDPASS_INLINE void fetch(const T* fetched, Index panel_distance) noexcept {
    constexpr bool whole_rows = Tile::lines * line_elements<T> >= Tile::in_panel * Tile::V::lanes;
    unrolled<Tile::panels>([&](auto p) FORWARDPASS_UNROLLED {
        unrolled<Tile::lines>([&](auto line) FORWARDPASS_UNROLLED {
            __builtin_prefetch(fetched + p * panel_distance + line * line_elements<T>, 0, whole_rows ? 3 : 2);
        });
    });
}

// Fetches a part of the next superblock's x, for the chains from `c` on. The first chain reads all lines of x, and
// without this the memory would have nothing to do while the other chains run [log 23].
template <class Tile, class T>
FORWARDPASS_INLINE void fetch_x(const Operands<T>& at, Index c) noexcept {
    constexpr int lines = static_cast<int>(Tile::at_once * chain_length / line_elements<T>);
    unrolled<Tile::rows>([&](auto r) FORWARDPASS_UNROLLED {
        const T* const from = at.x + r * at.x_row_stride + at.x_ahead + c * chain_length;
        unrolled<lines>([&](auto line)
                            FORWARDPASS_UNROLLED { __builtin_prefetch(from + line * line_elements<T>, 0, 2); });
    });
}

// sums += chains [first, end) of a superblock, from left to right, `at_once` of them side by side.
template <class Tile, class T>
FORWARDPASS_INLINE void add_chains(Operands<T>& at, const Superblock& s, Index first, Index end,
                                   typename Tile::Values& sums) noexcept {
    constexpr int at_once = Tile::at_once;
    const Index w_step = at.w_row_stride;
    // x lies in the caller's order, or was copied in the order of the weights.
    constexpr bool ordered = Tile::lines > 0 && Tile::rows > 1 && Tile::chains == many_chains;
    constexpr Index x_step = ordered ? 1 : Tile::chains;
    const T* w = at.w + s.steps_before(first) * w_step;
    for (Index c = first; c < end; c += at_once) {
        if constexpr (Tile::chains == many_chains && Tile::rows > 1 && Tile::lines == 0)
            if (at.x_ahead > 0) fetch_x<Tile>(at, c);
        typename Tile::Values chain[at_once];
        // A chain that does not exist adds nothing: -0.0.
        unrolled<at_once>([&](auto b)
                              FORWARDPASS_UNROLLED { chain[b].fill(s.has(c + b) ? T{0} : static_cast<T>(-0.0)); });
        const auto behind = [&](auto b) FORWARDPASS_UNROLLED { return s.steps_before(c + b) - s.steps_before(c); };
        const T *x = at.x + (ordered ? s.steps_before(c) : c), *of[at_once];
        unrolled<at_once>([&](auto b) FORWARDPASS_UNROLLED { of[b] = w + behind(b) * w_step; });
        const auto step = [&](auto b) FORWARDPASS_UNROLLED {
            advance<Tile>(x + (ordered ? behind(b) : b), at.x_row_stride, of[b], at.panel_distance, chain[b]);
        };
        const Index together = at_once == 1 ? s.steps_of(c) : s.steps;
        for (const T* const stop = x + together * x_step; x != stop; x += x_step) {
            fetch<Tile>(at.fetched, at.panel_distance);
            if constexpr (Tile::lines > 0) at.fetched += at.fetch_stride;
            unrolled<at_once>([&](auto b) FORWARDPASS_UNROLLED {
                step(b);
                of[b] += w_step;
            });
        }
        if (at_once > 1 && __builtin_expect(c < s.longer, 0))
            unrolled<at_once>([&](auto b) FORWARDPASS_UNROLLED {
                if (c + b < s.longer) step(b);
            });
        unrolled<at_once>([&](auto b) FORWARDPASS_UNROLLED { sums.add(chain[b]); });
        if constexpr (Tile::sums_in_memory) __asm__ volatile("" : "+m"(sums));
        w = at_once == 1 ? of[0] : at.w + s.steps_before(c + at_once) * w_step;
    }
}

}  // namespace
}  // namespace forwardpass
