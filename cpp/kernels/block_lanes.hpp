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

// So many blocks have this length each (order.hpp), and a constant stride spares their addresses.
constexpr Index lane_block = 32;

// panel.hpp's groups of blocks, from the row before them.
template <class T>
[[maybe_unused]] void pack_block_lanes(const T* row, Index depth, T* to) noexcept {
    for (Index group = 0; group < block_groups<T>(depth); ++group) {
        const T* const from = row + first_of_group<T>(depth, group) * lane_block;
        for (Index k = 0; k < lane_block; ++k)
            for (Index lane = 0; lane < panel_alignment<T>; ++lane) *to++ = from[lane * lane_block + k];
    }
}

// The chains of one group of blocks.
template <class V>
FORWARDPASS_INLINE void group_chains(const typename V::Element* x, const typename V::Element* w,
                                     typename V::Element* partials) noexcept {
    constexpr int lanes = static_cast<int>(V::lanes),
                  vectors = static_cast<int>(panel_alignment<typename V::Element>) / lanes;
    typename V::Register chain[vectors];
    unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED { chain[v] = V::broadcast(0); });
    for (Index k = 0; k < lane_block; k += V::unit) {
        unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED {
            typename V::Register step[V::unit];
            load_transposed<V>(x + v * lanes * lane_block + k, lane_block, step);
            unrolled<V::unit>([&](auto u) FORWARDPASS_UNROLLED {
                const auto weight = V::load(w + (k + u) * panel_alignment<typename V::Element> + v * lanes);
                chain[v] = V::fma(step[u], weight, chain[v]);
            });
        });
    }
    unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED { V::store(partials + v * lanes, chain[v]); });
}

// Needs one output, and block_groups > 0.
template <class V>
void block_lanes(const Panel<typename V::Element>& panel) noexcept {
    using T = typename V::Element;
    const Index depth = panel.layer.depth;
    const Batch<T>& batch = panel.rows;
    constexpr Index lanes = panel_alignment<T>;
    const T* const weights = panel.at + 1;
    const Blocks blocks = cut_into_blocks(depth);
    for (Index row = 0; row < batch.rows; ++row) {
        const T* const x = batch.x + row * batch.x_row_stride;
        const T* group = panel.at + first_group<T>(depth);
        T total = static_cast<T>(-0.0), sum = total;
        for_each_slice(blocks, lanes, [&](const Slice& slice) noexcept {
            if (slice.opens) sum = static_cast<T>(-0.0);
            if (slice.full > 0) {
                T partials[lanes];
                const Index known = lanes - slice.full;  // blocks of the slice before, in the last group
                group_chains<V>(x + slice.first - known * lane_block, group, partials);
                for (Index i = known; i < lanes; ++i) sum = sum + partials[i];
                group += lanes * lane_block;
            }
            if (slice.rest > 0) {
                T chain = 0;
                for (Index k = slice.first + slice.full * lane_block; k < depth; ++k)
                    chain = Scalar<T>::fma(x[k], weights[k], chain);
                sum = sum + chain;
            }
            if (slice.closes) total = total + sum;
        });
        const auto y = activated<V>(panel.layer.activation, V::broadcast(total + panel.at[0]));
        V::store_partial(panel.y + row * batch.y_row_stride, y, 1);
    }
}

}  // namespace
}  // namespace forwardpass
