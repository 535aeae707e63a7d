// What becomes of finished sums: bias and activation, on the way to y.
#pragma once

#include "activations.hpp"
#include "sums.hpp"

namespace forwardpass {
namespace {

// `left` outputs, which are fewer than the vectors hold only in the last of those. No biases are null.
template <class V, int rows, int vectors>
FORWARDPASS_INLINE void finish(const Sums<V, rows, vectors>& sums, const Element<V>* biases,
                               const Activation& activation, Element<V>* y, Index y_row_stride, Index left) noexcept {
    unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED {
        const auto bias = biases ? V::load(biases + v * V::lanes) : V::broadcast(static_cast<Element<V>>(-0.0));
        unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED {
            const auto value = activated<V>(activation, V::add(sums.at[r][v], bias));
            Element<V>* const to = y + r * y_row_stride + v * V::lanes;
            if (v + 1 < vectors || left >= vectors * V::lanes) V::store(to, value);
            else V::store_partial(to, value, left - v * V::lanes);
        });
    });
    if (!fits_registers(activation))
        for (int r = 0; r < rows; ++r) {
            Element<V>* const row = y + r * y_row_stride;
            activate<V>(activation, row, row, left < vectors * V::lanes ? left : vectors * V::lanes);
        }
}

}  // namespace
}  // namespace forwardpass
