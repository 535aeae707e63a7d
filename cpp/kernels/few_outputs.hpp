// A packed layer of so few outputs that they would leave most lanes empty: the lanes are rows of the
// batch instead. The sums are those of tile.hpp, each in its row's lane; a weight is broadcast, and x is
// transposed in registers, V::unit steps of k at a time.
#pragma once

#include "activations.hpp"
#include "panel.hpp"
#include "tile.hpp"
#include "transpose.hpp"

namespace forwardpass {
namespace {

// Fewer rows than lanes would do work for nothing.
template <class V>
constexpr bool rows_fill_lanes(Index outputs, Index rows) noexcept {
    return 2 * outputs <= V::lanes && rows >= V::lanes;
}

// A chain alone waits for its FMAs. Registers of four 16-byte parts take as long to turn x, and blocks side by side
// gain 4 % in L1 but meet more lines of memory at once: 1024 rows of 10000 x 1 took 2.2 ms with two, and take 1.2 with
// one. Registers of two parts turn it faster: 8 rows of 10000 x 1 take 4.4 us with four blocks, 4.8 with two (Zen 4).
template <class V>
constexpr int blocks_side_by_side(int outputs, bool deep) noexcept {
    return outputs > 1 || most_turned<V> > static_cast<int>(V::unit) ? 1 : deep ? 4 : 2;
}

// sums[j] += the next `blocks` blocks of `length` steps, side by side, of output j.
template <class V, int blocks, int outputs>
FORWARDPASS_INLINE void add_row_blocks(Operands<typename V::Element>& at, Index length,
                                       typename V::Register (&sums)[outputs]) noexcept {
    using T = typename V::Element;
    typename V::Register chain[blocks][outputs];
    unrolled<blocks * outputs>([&](auto i) FORWARDPASS_UNROLLED { chain[i / outputs][i % outputs] = V::broadcast(0); });
    const auto advance = [&](auto b, typename V::Register x, const T* w) FORWARDPASS_UNROLLED {
        unrolled<outputs>([&](auto j)
                              FORWARDPASS_UNROLLED { chain[b][j] = V::fma(x, V::load_broadcast(w + j), chain[b][j]); });
    };
    Operands<T> step = at;
    Index k = 0;
    const auto turn = [&](auto count) FORWARDPASS_UNROLLED {
        constexpr int steps = count;
        for (; k + steps <= length; k += steps, step.advance(steps))
            unrolled<blocks>([&](auto b) FORWARDPASS_UNROLLED {
                Operands<T> block = step;
                block.advance(b * length);
                typename V::Register x[steps];
                turn_rows<V>(block.x, block.x_row_stride, x);
                unrolled<steps>([&](auto u)
                                    FORWARDPASS_UNROLLED { advance(b, x[u], block.w + u * block.w_row_stride); });
            });
    };
    turn(Constant<most_turned<V>>{});
    if constexpr (most_turned<V> > V::unit) turn(Constant<static_cast<int>(V::unit)>{});
    for (; k < length; ++k, step.advance(1)) {
        unrolled<blocks>([&](auto b) FORWARDPASS_UNROLLED {
            Operands<T> block = step;
            block.advance(b * length);
            advance(b, load_column<V>(block.x, block.x_row_stride), block.w);
        });
    }
    unrolled<outputs>([&](auto j) FORWARDPASS_UNROLLED {
        unrolled<blocks>([&](auto b) FORWARDPASS_UNROLLED { sums[j] = V::add(sums[j], chain[b][j]); });
    });
    at.advance(blocks * length);
}

// V::lanes rows of y from `outputs` registers of their results.
template <class V, int outputs>
FORWARDPASS_INLINE void store_row_lanes(const typename V::Register (&results)[outputs], typename V::Element* y,
                                        Index row_stride) noexcept {
    if (outputs == 1 && row_stride == 1) return V::store(y, results[0]);
    constexpr int unit = V::unit, groups = (outputs + unit - 1) / unit;
    unrolled<groups>([&](auto g) FORWARDPASS_UNROLLED {
        typename V::Register of_output[unit], of_row[unit];
        unrolled<unit>([&](auto j)
                           FORWARDPASS_UNROLLED { of_output[j] = results[g * unit + j < outputs ? g * unit + j : 0]; });
        transpose_parts<V>(of_output, of_row);
        constexpr int last = outputs - (groups - 1) * unit;
        unrolled<unit>([&](auto i) FORWARDPASS_UNROLLED {
            V::template store_parts<g + 1 < groups ? unit : last>(y + i * row_stride + g * unit, unit * row_stride,
                                                                  of_row[i]);
        });
    });
}

// Rows [first, end). Deep: so many blocks that each has lane_block steps, which the compiler then knows: 8 rows of
// 10000 x 1 take 4.4 us, else 4.9 (Zen 4). By itself: inlined beside another, they took 7.1 when that gave 5.3 (GCC
// 12).
template <class V, int outputs, bool deep>
__attribute__((noinline)) void row_lanes(const Panel<typename V::Element>& panel, Index first, Index end) noexcept {
    using T = typename V::Element;
    const Index depth = panel.layer.depth;
    const Batch<T>& batch = panel.rows;
    const Index width = panel_width<T>(outputs);
    const Blocks blocks = cut_into_blocks(depth);
    for (Index r = first; r < end; r += V::lanes) {
        // The last rows overlap those before: the same sums again, the same bits.
        const Index row = r + V::lanes <= end ? r : end - V::lanes;
        typename V::Register totals[outputs];
        unrolled<outputs>([&](auto j) FORWARDPASS_UNROLLED { totals[j] = V::broadcast(static_cast<T>(-0.0)); });
        for_each_slice(blocks, blocks_per_superblock, [&](const Slice& slice) FORWARDPASS_UNROLLED {
            typename V::Register sums[outputs];
            unrolled<outputs>([&](auto j) FORWARDPASS_UNROLLED { sums[j] = V::broadcast(start_of_sum<T>(depth)); });
            Operands<T> at{batch.x + row * batch.x_row_stride + slice.first, batch.x_row_stride,
                           panel.at + (1 + slice.first) * width, width};
            constexpr int at_once = blocks_side_by_side<V>(outputs, deep);
            const Index length = deep ? lane_block : slice.block;
            Index full = slice.full;
            for (; full >= at_once; full -= at_once) add_row_blocks<V, at_once>(at, length, sums);
            for (; full > 0; --full) add_row_blocks<V, 1>(at, length, sums);
            if (slice.rest > 0) add_row_blocks<V, 1>(at, slice.rest, sums);
            unrolled<outputs>([&](auto j) FORWARDPASS_UNROLLED { totals[j] = V::add(totals[j], sums[j]); });
        });
        unrolled<outputs>([&](auto j) FORWARDPASS_UNROLLED {
            totals[j] = activated<V>(panel.layer.activation, V::add(totals[j], V::broadcast(panel.at[j])));
        });
        store_row_lanes<V>(totals, panel.y + row * batch.y_row_stride, batch.y_row_stride);
    }
}

template <class V, int most, bool deep>
void up_to_row_lanes(const Panel<typename V::Element>& panel, Index first, Index end) noexcept {
    if constexpr (most > 0) {
        if (panel.outputs == most) row_lanes<V, most, deep>(panel, first, end);
        else up_to_row_lanes<V, most - 1, deep>(panel, first, end);
    }
}

// Rows [first, end): none, or enough before `end` to fill lanes. Deep ones have one output.
template <class V, bool deep>
void rows_in_lanes(const Panel<typename V::Element>& panel, Index first, Index end) noexcept {
    constexpr int most = static_cast<int>(V::lanes / 2);
    if (first < end) up_to_row_lanes<V, (deep && most > 1) ? 1 : most, deep>(panel, first, end);
}

// Whether few_outputs is what such a panel needs.
template <class V>
constexpr bool fills_lanes(Index outputs, Index rows) noexcept {
    return rows_fill_lanes<V>(outputs, rows) || rows_fill_lanes<typename V::Half>(outputs, rows);
}

// All rows, the last ones in half as many lanes where those are enough: 8 rows of 4 x 2 take 33 ns, in tiles 57
// (AVX-512, Zen 4). Needs fills_lanes.
template <class V>
void few_outputs(const Panel<typename V::Element>& panel) noexcept {
    using Half = typename V::Half;
    const Index end = panel.rows.rows, last = end % V::lanes;
    const bool halves = rows_fill_lanes<Half>(panel.outputs, end) && (last <= Half::lanes || end < V::lanes);
    const Index wide = halves ? end - last : end;
    rows_in_lanes<V, false>(panel, 0, wide);
    rows_in_lanes<Half, false>(panel, wide, end);
}

}  // namespace
}  // namespace forwardpass
