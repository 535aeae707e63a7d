// What becomes of finished sums: bias and activation, on the way to y.
#pragma once

#include "activations.hpp"
#include "sums.hpp"

namespace forwardpass {
namespace {

// The activations that are computed from what lies in L1 right after.
template <class V>
FORWARDPASS_INLINE void finish_late(const Activation& activation, Element<V>* y, Index y_row_stride, Index rows,
                                    Index outputs) noexcept {
    if (fits_registers(activation)) return;
    for (Index r = 0; r < rows; ++r) activate<V>(activation, y + r * y_row_stride, y + r * y_row_stride, outputs);
}

// The bias, and the others. `left` outputs, which are fewer than the vectors hold only in the last of those. No biases
// are null.
template <class V, int rows, int vectors>
FORWARDPASS_INLINE void finish_sums(const Sums<V, rows, vectors>& sums, const Element<V>* biases,
                                    const Activation& activation, Element<V>* y, Index y_row_stride,
                                    Index left) noexcept {
    unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED {
        const auto bias = biases ? V::load(biases + v * V::lanes) : V::broadcast(static_cast<Element<V>>(-0.0));
        unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED {
            const auto value = activated<V>(activation, V::add(sums.at[r][v], bias));
            Element<V>* const to = y + r * y_row_stride + v * V::lanes;
            if (v + 1 < vectors || left >= vectors * V::lanes) V::store(to, value);
            else V::store_partial(to, value, left - v * V::lanes);
        });
    });
}

template <class V, int rows, int vectors>
FORWARDPASS_INLINE void finish(const Sums<V, rows, vectors>& sums, const Element<V>* biases,
                               const Activation& activation, Element<V>* y, Index y_row_stride, Index left) noexcept {
    finish_sums(sums, biases, activation, y, y_row_stride, left);
    finish_late<V>(activation, y, y_row_stride, rows, left < vectors * V::lanes ? left : vectors * V::lanes);
}

}  // namespace
}  // namespace forwardpass
