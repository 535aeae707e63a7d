// One row against weights as NumPy holds them, so that a single functional call need not pack.
// The sums are those of tile.hpp; only where the lanes come from differs:
//
//   output_stride == 1   a row of w is a vector of outputs already: the tile runs on it as it is
//                        (at least V::lanes outputs; narrower ones are cheap to pack)
//   depth_stride == 1    lanes are outputs, transposed in registers unit by unit
//     and few outputs    lanes are blocks of one output
#pragma once

#include "activations.hpp"
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
void rows_of_outputs(const UnpackedRow<typename V::Element>& a, Index first) noexcept {
    for (; a.outputs - first >= vectors * V::lanes; first += vectors * V::lanes) {
        const auto total = product<V, 1, vectors>({a.x, 0, a.w + first, a.depth_stride}, a.depth);
        for (int v = 0; v < vectors; ++v) finish<V>(a, first + v * V::lanes, total.sum[0][v]);
    }
    if constexpr (vectors > 1) {
        rows_of_outputs<V, vectors / 2>(a, first);
    } else if (first < a.outputs && a.outputs >= V::lanes) {
        // The last vector overlaps the one before: the same sums again, the same bits.
        rows_of_outputs<V, 1>(a, a.outputs - V::lanes);
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
            load_transposed<V>(w + at, row_stride, step);
            for (Index i = 0; i < V::unit; ++i) chain[b] = V::fma(V::broadcast(x[at + i]), step[i], chain[b]);
        }
    }
    for (; k < length; ++k)
        for (int b = 0; b < blocks; ++b)
            chain[b] = V::fma(V::broadcast(x[b * length + k]), load_column<V>(w + b * length + k, row_stride), chain[b]);
    for (int b = 0; b < blocks; ++b) sum = V::add(sum, chain[b]);
    x += blocks * length;
    w += blocks * length;
}

template <class V>
Tile<V, 1, 1> transposed_product(const typename V::Element* x, const typename V::Element* w, Index row_stride,
                                 Index depth) noexcept {
    const Index block = block_length(depth);
    return sum_of_superblocks(depth, block, [&](Index, Index length) noexcept {
        auto sums = filled<V, 1, 1>(empty_sum<typename V::Element>(depth));
        for (; length >= 4 * block && block > 0; length -= 4 * block) add_transposed<V, 4>(x, w, row_stride, block, sums.sum[0][0]);
        for (; length >= block && block > 0; length -= block) add_transposed<V, 1>(x, w, row_stride, block, sums.sum[0][0]);
        if (length > 0) add_transposed<V, 1>(x, w, row_stride, length, sums.sum[0][0]);
        return sums;
    });
}

// ---- depth_stride == 1, lanes are blocks ----

// V::lanes blocks of `length` steps, one in each lane.
template <class V>
FORWARDPASS_INLINE void block_chains(const typename V::Element* x, const typename V::Element* w, Index length,
                                     typename V::Element (&partials)[V::lanes]) noexcept {
    auto chain = V::broadcast(0);
    for (Index k = 0; k < length; k += V::unit) {  // block lengths are multiples of 8, so of unit
        typename V::Register x_step[V::unit], w_step[V::unit];
        load_transposed<V>(x + k, length, x_step);
        load_transposed<V>(w + k, length, w_step);
        for (Index i = 0; i < V::unit; ++i) chain = V::fma(x_step[i], w_step[i], chain);
    }
    V::store(partials, chain);
}

template <class V>
typename V::Element one_output(const typename V::Element* x, const typename V::Element* w, Index depth) noexcept {
    using T = typename V::Element;
    const Index block = block_length(depth);
    return sum_of_superblocks(depth, block, [&](Index start, Index length) noexcept {
        T sum = empty_sum<T>(depth);
        const Index end = start + length;
        Index k = start;
        for (; V::lanes > 1 && length > 0 && end - k >= V::lanes * block; k += V::lanes * block) {
            T partials[V::lanes];
            block_chains<V>(x + k, w + k, block, partials);
            for (Index lane = 0; lane < V::lanes; ++lane) sum = sum + partials[lane];
        }
        for (; k < end; k += block) {
            T chain = 0;
            const Index block_end = end - k < block ? end : k + block;
            for (Index i = k; i < block_end; ++i) chain = V::fma_one(x[i], w[i], chain);
            sum = sum + chain;
        }
        return sum;
    });
}

template <class V>
void unpacked_row(const UnpackedRow<typename V::Element>& a) noexcept {
    if (a.outputs < V::lanes) {
        for (Index j = 0; j < a.outputs; ++j)
            finish_one<V>(a, j, one_output<V>(a.x, a.w + j * a.output_stride, a.depth));
    } else if (a.output_stride == 1) {
        rows_of_outputs<V, 8>(a, 0);
    } else {
        for (Index j = 0; j < a.outputs; j += V::lanes) {
            const Index first = j + V::lanes <= a.outputs ? j : a.outputs - V::lanes;  // overlap, as above
            finish<V>(a, first, transposed_product<V>(a.x, a.w + first * a.output_stride, a.output_stride, a.depth).sum[0][0]);
        }
    }
}

}  // namespace
}  // namespace forwardpass
