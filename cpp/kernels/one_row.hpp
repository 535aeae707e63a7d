// One row through a packed layer. A small layer is short of work: there are no tiles to deal out here and no sums
// to put aside, only chains.
#pragma once

#include "block_lanes.hpp"
#include "scalar.hpp"
#include "store_tile.hpp"
#include "tile.hpp"

namespace forwardpass {
namespace {

// The widest group of outputs, in vectors.
template <class V>
constexpr int widest_group = V::registers == 32 ? 4 : 8;

// totals = what several superblocks come to.
template <int lines, class V, int vectors>
__attribute__((noinline)) void add_superblocks(Operands<typename V::Element> at, Index depth,
                                               Sums<V, 1, vectors>& totals) noexcept {
    using T = typename V::Element;
    totals.fill(static_cast<T>(-0.0));
    for_each_slice(cut_into_blocks(depth), blocks_per_superblock, [&](const Slice& slice) FORWARDPASS_UNROLLED {
        Sums<V, 1, vectors> sums;
        sums.fill(static_cast<T>(-0.0));
        Operands<T> from = at;
        from.advance(slice.first);
        from.fetched = from.w + fetch_distance<T>;
        add_products<lines>(from, slice, sums);
        unrolled<vectors>([&](auto v)
                              FORWARDPASS_UNROLLED { totals.at[0][v] = V::add(totals.at[0][v], sums.at[0][v]); });
    });
}

// `vectors` vectors of outputs, `left` of which there are; their biases, and behind them their weights, are `width`
// apart. By itself: in one function with the others GCC 12 has too few registers, and 32 x 32 took 41 ns, not 33.
template <int lines, class V, int vectors>
__attribute__((noinline)) void row_group(const PackedLinear<typename V::Element>& a, const typename V::Element* panel,
                                         Index width, Index left, const typename V::Element* x,
                                         typename V::Element* y) noexcept {
    using T = typename V::Element;
    const Blocks blocks = cut_into_blocks(a.depth);
    const T* const w = panel + width;
    const Operands<T> at{x, 0, w, width, w + fetch_distance<T>, width};
    Sums<V, 1, vectors> sums;
    sums.fill(start_of_sum<T>(a.depth));
    if (blocks.full < blocks_per_superblock) add_products<lines>(at, blocks, sums);
    else add_superblocks<lines>(at, a.depth, sums);
    store_tile(sums, panel, a.activation, y, 0, left);
}

// Covers `left` outputs of a panel with groups of `vectors` vectors, then narrower ones.
template <class V, int vectors>
FORWARDPASS_INLINE void row_groups(const PackedLinear<typename V::Element>& a, const typename V::Element* panel,
                                   Index width, Index left, const typename V::Element* x,
                                   typename V::Element* y) noexcept {
    constexpr Index outputs = vectors * V::lanes;
    for (; left > outputs - V::lanes; left -= outputs, panel += outputs, y += outputs) {
        if (vectors == widest_group<V> && a.cold) row_group<4, V, vectors>(a, panel, width, left, x, y);
        else row_group<0, V, vectors>(a, panel, width, left, x, y);
    }
    if constexpr (vectors > 1)
        if (left > 0) row_groups<V, V::registers == 32 ? vectors - 1 : vectors / 2>(a, panel, width, left, x, y);
}

template <class V>
void one_row(const PackedLinear<typename V::Element>& a, const Batch<typename V::Element>& batch) noexcept {
    using T = typename V::Element;
    const T* panel = a.panels;
    T* y = batch.y;
    for (Index left = a.outputs; left > 0; left -= panel_outputs<T>) {
        const Index outputs = left < panel_outputs<T> ? left : panel_outputs<T>;
        // Vectors of one output overlap, most of them across two cache lines.
        if (outputs > 1) row_groups<V, widest_group<V>>(a, panel, panel_width<T>(outputs), outputs, batch.x, y);
        else if (block_groups<T>(a.depth) > 0) block_lanes<V>({a, batch, panel, 1, y}, 0);
        else row_group<0, Scalar<T>, 1>(a, panel, 1, 1, batch.x, y);
        panel += panel_offset<T>(a.depth, 1);
        y += panel_outputs<T>;
    }
    if (!fits_registers(a.activation)) activate<V>(a.activation, batch.y, batch.y, a.outputs);
}

}  // namespace
}  // namespace forwardpass
