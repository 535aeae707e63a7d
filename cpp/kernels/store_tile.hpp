// A finished tile: bias and activation added on the way out.
#pragma once

#include "activations.hpp"
#include "tile.hpp"

namespace forwardpass {
namespace {

// `left` outputs, which are fewer than the tile's only in the last of its vectors.
template <class V, int rows, int vectors>
FORWARDPASS_INLINE void store_tile(const Sums<V, rows, vectors>& sums, const typename V::Element* biases,
                                   const Activation& activation, typename V::Element* y, Index y_row_stride,
                                   Index left) noexcept {
    unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED {
        const auto bias = V::load(biases + v * V::lanes);
        unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED {
            const auto value = activated<V>(activation, V::add(sums.at[r][v], bias));
            typename V::Element* const to = y + r * y_row_stride + v * V::lanes;
            if (v + 1 < vectors || left >= vectors * V::lanes) V::store(to, value);
            else V::store_partial(to, value, left - v * V::lanes);
        });
    });
}

}  // namespace
}  // namespace forwardpass
