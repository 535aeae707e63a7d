// Adds the bias to finished sums, applies the activation and stores y.
#pragma once

#include "kernels/functions/activations.hpp"
#include "kernels/linear/sums.hpp"

namespace forwardpass {
namespace {

// Adds the bias, and applies an activation that needs few registers. `left` outputs are stored; only the last vector
// may have fewer than its lanes. `biases` is null where there are none.
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
}

// Applies the other activations to y while it is still in a cache. It takes a whole panel, because each result of
// theirs takes long, and many can run at the same time.
template <class V>
FORWARDPASS_INLINE void finish_late(const Activation& activation, Element<V>* y, Index y_row_stride, Index rows,
                                    Index outputs) noexcept {
    if (fits_registers(activation)) return;
    activate_strips<V>(activation, {y, y_row_stride, y, y_row_stride, rows, outputs});
}

}  // namespace
}  // namespace forwardpass
