// A packed layer's panel of one output: the lanes are blocks of its one row, all at their step k at once.
// The weights lie so already (panel.hpp); x is transposed in registers.
#pragma once

#include "activations.hpp"
#include "panel.hpp"
#include "scalar.hpp"
#include "slices.hpp"
#include "transpose.hpp"

namespace forwardpass {
namespace {

// panel.hpp's groups of blocks, from the row before them.
template <class T>
[[maybe_unused]] void pack_block_lanes(const T* row, Index depth, T* to) noexcept {
    for (Index group = 0; group < block_groups<T>(depth); ++group) {
        const T* const from = row + first_of_group<T>(depth, group) * lane_block;
        for (Index k = 0; k < lane_block; ++k)
            for (Index lane = 0; lane < panel_alignment<T>; ++lane) *to++ = from[lane * lane_block + k];
    }
}

// A group that is one register is one chain and waits for itself, so two run at once for one row. Groups of two
// registers are as fast alone (AVX2, Zen 4).
template <class V>
constexpr bool one_chain = V::lanes == panel_alignment<typename V::Element>;

// The chains of some groups of blocks, of some rows, side by side: group g has its x at x[g], its weights behind those
// of the group before, and its sums go to to[g]. For several rows as much of their x is fetched from `ahead` on.
template <class V, int rows, int groups>
FORWARDPASS_INLINE void group_chains(const typename V::Element* const (&x)[groups], Index x_row_stride,
                                     const typename V::Element* w, typename V::Element* const (&to)[groups],
                                     Index to_stride, const typename V::Element* ahead) noexcept {
    using T = typename V::Element;
    constexpr int lanes = static_cast<int>(V::lanes), vectors = static_cast<int>(panel_alignment<T>) / lanes;
    typename V::Register chain[groups][rows][vectors];
    const auto each = [&](const auto& body) FORWARDPASS_UNROLLED {
        unrolled<groups * vectors * rows>([&](auto i) FORWARDPASS_UNROLLED {
            body(Constant<i / (vectors * rows)>{}, Constant<i % rows>{}, Constant<i / rows % vectors>{});
        });
    };
    each([&](auto g, auto r, auto v) FORWARDPASS_UNROLLED { chain[g][r][v] = V::broadcast(0); });
    for (Index k = 0; k < lane_block; k += most_turned<V>)
        each([&](auto g, auto r, auto v) FORWARDPASS_UNROLLED {
            if constexpr (rows > 1 && v == 0)
                unrolled<most_turned<V>>([&](auto u) FORWARDPASS_UNROLLED {
                    __builtin_prefetch(ahead + r * x_row_stride + (g * lane_block + k + u) * panel_alignment<T>);
                });
            typename V::Register step[most_turned<V>];
            turn_rows<V>(x[g] + r * x_row_stride + v * lanes * lane_block + k, lane_block, step);
            unrolled<most_turned<V>>([&](auto u) FORWARDPASS_UNROLLED {
                const auto weight = V::load(w + (g * lane_block + k + u) * panel_alignment<T> + v * lanes);
                chain[g][r][v] = V::fma(step[u], weight, chain[g][r][v]);
            });
        });
    each([&](auto g, auto r, auto v)
             FORWARDPASS_UNROLLED { V::store(to[g] + r * to_stride + v * lanes, chain[g][r][v]); });
}

// totals += what a slice, a superblock, comes to, of `rows` rows from x on; next is the x that follows.
template <class V, int rows>
FORWARDPASS_INLINE void add_slice(const Panel<typename V::Element>& panel, const Slice& slice,
                                  const typename V::Element* x, const typename V::Element* next,
                                  typename V::Element* totals) noexcept {
    using T = typename V::Element;
    constexpr Index lanes = panel_alignment<T>, stride = lanes + blocks_per_superblock;
    const Index depth = panel.layer.depth, x_row_stride = panel.rows.x_row_stride;
    const Index before = slice.first / lane_block, end = (before + slice.full + lanes - 1) / lanes;
    // Of single blocks; in front of each row's, room for what the last group has of the superblock before.
    T sums[rows * stride];
    T sum[rows];
    unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED { sum[r] = static_cast<T>(-0.0); });
    Index summed = 0;
    const auto sum_until = [&](Index block) FORWARDPASS_UNROLLED {
        for (; summed < block && summed < slice.full; ++summed)
            unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED { sum[r] = sum[r] + sums[r * stride + lanes + summed]; });
    };
    const auto add_groups = [&](auto groups, Index group) FORWARDPASS_UNROLLED {
        const T* from[groups];
        T* to[groups];
        unrolled<groups>([&](auto g) FORWARDPASS_UNROLLED {
            const Index first = first_of_group<T>(depth, group + g);
            from[g] = x + first * lane_block;
            to[g] = sums + lanes + first - before;
        });
        const T* const w = panel.at + first_group<T>(depth) + group * lanes * lane_block;
        group_chains<V, rows>(from, x_row_stride, w, to, stride,
                              group + groups < end ? from[0] + lanes * lane_block : next);
        // One row's sums are added while the next groups run; several rows hide each other's waiting.
        if constexpr (rows == 1) sum_until((group + groups) * lanes - before);
    };
    constexpr int at_once = rows == 1 && one_chain<V> ? 2 : 1;
    Index group = before / lanes;
    for (; group + at_once <= end; group += at_once) add_groups(Constant<at_once>{}, group);
    for (; group < end; ++group) add_groups(Constant<1>{}, group);
    sum_until(slice.full);
    if (slice.rest > 0) {
        T chain[rows] = {};
        for (Index k = slice.first + slice.full * lane_block; k < depth; ++k)
            unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED {
                chain[r] = Scalar<T>::fma(x[r * x_row_stride + k], panel.at[1 + k], chain[r]);
            });
        unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED { sum[r] = sum[r] + chain[r]; });
    }
    unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED { totals[r] = totals[r] + sum[r]; });
}

// So many rows pass over a slice of the weights while it is in L1: 8 rows of 10000 x 1 take 2.77 us, by fours 2.89;
// 16 gain nothing more and read x from memory 15 % slower (Zen 5).
constexpr Index rows_of_slice = 8;

// `count` rows from `row` on, `rows` at a time: a multiple of that, and at most rows_of_slice.
template <class V, int rows>
void rows_of_blocks(const Panel<typename V::Element>& panel, Index row, Index count) noexcept {
    using T = typename V::Element;
    const Index x_row_stride = panel.rows.x_row_stride;
    const T* const x = panel.rows.x + row * x_row_stride;
    T totals[rows_of_slice];
    for (Index r = 0; r < count; ++r) totals[r] = static_cast<T>(-0.0);
    for_each_slice(cut_into_blocks(panel.layer.depth), blocks_per_superblock, [&](const Slice& slice) noexcept {
        for (Index r = 0; r < count; r += rows) {
            const T* next = x;  // where nothing follows: an address that does no harm
            if (r + rows < count) next += (r + rows) * x_row_stride + slice.first;
            else if (!slice.last) next += slice.first + slice.steps();
            else if (row + count + rows <= panel.rows.rows) next += count * x_row_stride;
            add_slice<V, rows>(panel, slice, x + r * x_row_stride, next, totals + r);
        }
    });
    for (Index r = 0; r < count; ++r) {
        const auto y = activated<V>(panel.layer.activation, V::broadcast(totals[r] + panel.at[0]));
        V::store_partial(panel.y + (row + r) * panel.rows.y_row_stride, y, 1);
    }
}

// All rows from `row` on. Needs one output, and block_groups > 0.
template <class V>
void block_lanes(const Panel<typename V::Element>& panel, Index row) noexcept {
    // Singly 8 rows of 10000 x 1 take 4.9 us with AVX2, not 3.7, and without vectors 140, not 102 (Zen 5).
    constexpr int at_once = 4;
    while (panel.rows.rows - row >= at_once) {
        const Index left = panel.rows.rows - row,
                    count = left < rows_of_slice ? left / at_once * at_once : rows_of_slice;
        rows_of_blocks<V, at_once>(panel, row, count);
        row += count;
    }
    for (; row < panel.rows.rows; ++row) rows_of_blocks<V, 1>(panel, row, 1);
}

}  // namespace
}  // namespace forwardpass
