// One row against weights as NumPy holds them, so that a single functional call need not pack.
// The sums are those of tile.hpp; only where the lanes come from differs:
//
//   output_stride == 1   a row of w is a vector of outputs already: the tile runs on it as it is
//                        (at least V::lanes outputs; narrower ones are cheap to pack)
//   depth_stride == 1    lanes are outputs, transposed in registers unit by unit
//     and few outputs    lanes are blocks of one output
#pragma once

#include "activations.hpp"
#include "scalar.hpp"
#include "tile.hpp"
#include "transpose.hpp"

namespace forwardpass {
namespace {

template <class V>
FORWARDPASS_INLINE void finish(const UnpackedRow<typename V::Element>& a, Index output,
                               typename V::Register sum) noexcept {
    if (a.bias) sum = V::add(sum, V::load(a.bias + output));
    V::store(a.y + output, activated<V>(a.activation, sum));
}

// The same for one output; the other lanes are dropped.
template <class V>
FORWARDPASS_INLINE void finish_one(const UnpackedRow<typename V::Element>& a, Index output,
                                   typename V::Element sum) noexcept {
    if (a.bias) sum = sum + a.bias[output];
    V::store_partial(a.y + output, activated<V>(a.activation, V::broadcast(sum)), 1);
}

// ---- output_stride == 1 ----

template <class V, int vectors>
void rows_of_outputs(const UnpackedRow<typename V::Element>& a, const Blocks& blocks, Index first) noexcept {
    for (; a.outputs - first >= vectors * V::lanes; first += vectors * V::lanes) {
        Sums<V, 1, vectors> totals;
        totals.fill(static_cast<typename V::Element>(-0.0));
        for_each_slice(blocks, blocks_per_superblock, [&](const Slice& slice) noexcept {
            Sums<V, 1, vectors> sums;
            sums.fill(start_of_sum<typename V::Element>(a.depth));
            add_products<0>({a.x + slice.first, 0, a.w + slice.first * a.depth_stride + first, a.depth_stride}, slice,
                            sums);
            for (int v = 0; v < vectors; ++v) totals.at[0][v] = V::add(totals.at[0][v], sums.at[0][v]);
        });
        for (int v = 0; v < vectors; ++v) finish<V>(a, first + v * V::lanes, totals.at[0][v]);
    }
    if constexpr (vectors > 1) {
        rows_of_outputs<V, vectors / 2>(a, blocks, first);
    } else if (first < a.outputs) {
        // The last vector overlaps the one before: the same sums again, the same bits.
        rows_of_outputs<V, 1>(a, blocks, a.outputs - V::lanes);
    }
}

// ---- depth_stride == 1, lanes are outputs ----

// `blocks` chains of `length` steps, for one vector of outputs, added to `sum` in order.
template <class V, int blocks>
FORWARDPASS_INLINE void add_transposed(const typename V::Element*& x, const typename V::Element*& w, Index row_stride,
                                       Index length, typename V::Register& sum) noexcept {
    typename V::Register chain[blocks];
    for (int b = 0; b < blocks; ++b) chain[b] = V::broadcast(0);
    Index k = 0;
    for (; k + V::unit <= length; k += V::unit) {
        for (int b = 0; b < blocks; ++b) {
            const Index at = b * length + k;
            typename V::Register step[V::unit];
            turn_rows<V>(w + at, row_stride, step);
            for (Index i = 0; i < V::unit; ++i) chain[b] = V::fma(V::load_broadcast(x + at + i), step[i], chain[b]);
        }
    }
    for (; k < length; ++k)
        for (int b = 0; b < blocks; ++b)
            chain[b] =
                V::fma(V::load_broadcast(x + b * length + k), load_column<V>(w + b * length + k, row_stride), chain[b]);
    for (int b = 0; b < blocks; ++b) sum = V::add(sum, chain[b]);
    x += blocks * length;
    w += blocks * length;
}

template <class V>
typename V::Register transposed_product(const typename V::Element* x, const typename V::Element* w, Index row_stride,
                                        const Blocks& blocks) noexcept {
    using T = typename V::Element;
    auto total = V::broadcast(static_cast<T>(-0.0));
    for_each_slice(blocks, blocks_per_superblock, [&](const Slice& slice) noexcept {
        Index full = slice.full;
        auto sum = V::broadcast(start_of_sum<T>(blocks.full + blocks.rest));
        for (; full >= 4; full -= 4) add_transposed<V, 4>(x, w, row_stride, blocks.block, sum);
        for (; full >= 1; full -= 1) add_transposed<V, 1>(x, w, row_stride, blocks.block, sum);
        if (slice.rest > 0) add_transposed<V, 1>(x, w, row_stride, slice.rest, sum);
        total = V::add(total, sum);
    });
    return total;
}

// ---- depth_stride == 1, lanes are blocks ----

// V::lanes blocks of `length` steps, one in each lane.
template <class V>
FORWARDPASS_INLINE void block_chains(const typename V::Element* x, const typename V::Element* w, Index length,
                                     typename V::Element (&partials)[V::lanes]) noexcept {
    auto chain = V::broadcast(0);
    for (Index k = 0; k < length; k += V::unit) {  // block lengths are multiples of 8, so of unit
        typename V::Register x_step[V::unit], w_step[V::unit];
        turn_rows<V>(x + k, length, x_step);
        turn_rows<V>(w + k, length, w_step);
        for (Index i = 0; i < V::unit; ++i) chain = V::fma(x_step[i], w_step[i], chain);
    }
    V::store(partials, chain);
}

template <class V>
typename V::Element one_output(const typename V::Element* x, const typename V::Element* w,
                               const Blocks& blocks) noexcept {
    using T = typename V::Element;
    T total = static_cast<T>(-0.0);
    Index before = 0;  // full blocks behind x and w
    for_each_slice(blocks, blocks_per_superblock, [&](const Slice& slice) noexcept {
        Index full = slice.full;
        T sum = start_of_sum<T>(blocks.full + blocks.rest);
        before += full;
        const auto add_chain = [&](Index length) noexcept {
            T chain = 0;
            for (Index k = 0; k < length; ++k) chain = Scalar<T>::fma(x[k], w[k], chain);
            sum = sum + chain;
            x += length;
            w += length;
        };
        for (; V::lanes > 1 && full >= V::lanes; full -= V::lanes) {
            T partials[V::lanes];
            block_chains<V>(x, w, blocks.block, partials);
            for (Index lane = 0; lane < V::lanes; ++lane) sum = sum + partials[lane];
            x += V::lanes * blocks.block;
            w += V::lanes * blocks.block;
        }
        // Fewer blocks than lanes: together with some before them, whose sums are dropped.
        if (full > 1 && before >= V::lanes) {
            T partials[V::lanes];
            const Index dropped = V::lanes - full;
            block_chains<V>(x - dropped * blocks.block, w - dropped * blocks.block, blocks.block, partials);
            for (Index lane = dropped; lane < V::lanes; ++lane) sum = sum + partials[lane];
            x += full * blocks.block;
            w += full * blocks.block;
            full = 0;
        }
        for (; full > 0; --full) add_chain(blocks.block);
        if (slice.rest > 0) add_chain(slice.rest);
        total = total + sum;
    });
    return total;
}

template <class V>
void unpacked_row(const UnpackedRow<typename V::Element>& a) noexcept {
    const Blocks blocks = cut_into_blocks(a.depth);
    if (a.outputs < V::lanes) {
        for (Index j = 0; j < a.outputs; ++j)
            finish_one<V>(a, j, one_output<V>(a.x, a.w + j * a.output_stride, blocks));
    } else if (a.output_stride == 1) {
        rows_of_outputs<V, 8>(a, blocks, 0);
    } else {
        for (Index j = 0; j < a.outputs; j += V::lanes) {
            const Index first = j + V::lanes <= a.outputs ? j : a.outputs - V::lanes;  // overlap, as above
            finish<V>(a, first, transposed_product<V>(a.x, a.w + first * a.output_stride, a.output_stride, blocks));
        }
    }
    if (!fits_registers(a.activation)) activate<V>(a.activation, a.y, a.y, a.outputs);
}

}  // namespace
}  // namespace forwardpass
