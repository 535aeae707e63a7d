// One row through panels. A small layer has too little work to pay for anything else, so there are only chains here: no
// tiles, and no sums in memory.
#pragma once

#include "kernels/linear/chains.hpp"
#include "kernels/linear/epilogue.hpp"

namespace forwardpass {
namespace {

// Full panels side by side: narrow ones have too few chains each. Four streams of weights are also read faster from
// memory than one (AVX2).
template <class V>
constexpr int panels_side_by_side = V::panel_vectors >= 4 ? 1 : 4;

// Runs the panels from `panel` on, with `left` outputs. Kept out of line: in one function with other tiles GCC 12 runs
// out of registers [log 8].
template <class Tile, class T>
__attribute__((noinline)) void row_of_panels(const PackedLinear<T>& a, const T* panel, Index left, const T* x,
                                             T* y) noexcept {
    using V = typename Tile::V;
    constexpr Index width = Tile::in_panel * V::lanes, length = Tile::chains * chain_length;
    constexpr bool many = Tile::chains == many_chains;
    const Index count = many ? superblock_count(a.depth) : 1;
    typename Tile::Values sums;
    Operands<T> at{x, 0, panel + width, width, panel_outputs<V> * (a.depth + 1)};
    if constexpr (Tile::lines > 0) at.fetched = at.w + a.fetch_distance, at.fetch_stride = width;
    T group[Tile::vectors * V::lanes] = {}, total[Tile::vectors * V::lanes] = {};
    for (Index number = 0; number < count; ++number, at.x += length, at.w += length * width) {
        sums.fill(static_cast<T>(-0.0));
        add_chains<Tile>(at, superblock_of(a.depth, number), 0, Tile::chains, sums);
        if constexpr (many) close_superblock<V>(number, count, sums, {group, total, 0});
    }
    unrolled<Tile::panels>([&](auto p) FORWARDPASS_UNROLLED {
        Sums<V, 1, Tile::in_panel> of_panel;
        unrolled<Tile::in_panel>([&](auto v)
                                     FORWARDPASS_UNROLLED { of_panel.at[0][v] = sums.at[0][p * Tile::in_panel + v]; });
        finish(of_panel, panel + p * at.panel_distance, a.activation, y + p * width, 0, left - p * width);
    });
}

template <class V, int vectors, int panels>
FORWARDPASS_INLINE void row_group(const PackedLinear<Element<V>>& a, const Element<V>* panel, Index left,
                                  const Element<V>* x, Element<V>* y) noexcept {
    constexpr bool full = vectors / panels == V::panel_vectors;
    constexpr int lines = full ? static_cast<int>(panel_outputs<V> / line_elements<Element<V>>) : 0;
    if (chain_count(a.depth) == few_chains)
        return row_of_panels<Tile<V, few_chains, 1, vectors, 0, panels>>(a, panel, left, x, y);
    if constexpr (lines > 0)
        if (a.from_memory && a.fetch_distance > 0)
            return row_of_panels<Tile<V, many_chains, 1, vectors, lines, panels>>(a, panel, left, x, y);
    row_of_panels<Tile<V, many_chains, 1, vectors, 0, panels>>(a, panel, left, x, y);
}

// Runs the last panel, which has at most `vectors` vectors.
template <class V, int vectors>
FORWARDPASS_INLINE void last_panel(const PackedLinear<Element<V>>& a, const Element<V>* panel, Index left,
                                   const Element<V>* x, Element<V>* y) noexcept {
    if (vectors == 1 || left > (vectors - 1) * V::lanes) return row_group<V, vectors, 1>(a, panel, left, x, y);
    if constexpr (vectors > 1) last_panel<V, vectors - 1>(a, panel, left, x, y);
}

// Runs `panels` full panels side by side while there are so many, then half as many, and so on.
template <class V, int panels>
FORWARDPASS_INLINE void full_panels(const PackedLinear<Element<V>>& a, const Element<V>*& panel, Index& left,
                                    const Element<V>* x, Element<V>*& y) noexcept {
    constexpr Index outputs = panels * panel_outputs<V>;
    for (; left >= outputs; left -= outputs, y += outputs, panel += outputs * (a.depth + 1))
        row_group<V, panels * V::panel_vectors, panels>(a, panel, left, x, y);
    if constexpr (panels > 1) full_panels<V, panels / 2>(a, panel, left, x, y);
}

// Runs all panels except a last one whose outputs are rows. Returns how many outputs are left for that one.
template <class V>
Index one_row(const PackedLinear<Element<V>>& a, const Element<V>* x, Element<V>* y) noexcept {
    const Element<V>* panel = a.panels;
    Index left = a.outputs;
    full_panels<V, panels_side_by_side<V>>(a, panel, left, x, y);
    if (left == 0 || Panels<Element<V>>{a.depth, a.outputs, panel_outputs<V>, V::lanes}.are_rows(left)) return left;
    last_panel<V, V::panel_vectors>(a, panel, left, x, y);
    return 0;
}

}  // namespace
}  // namespace forwardpass
