// Turning rows of k into vectors of outputs: V::unit steps of k (as many as fit 16 bytes) for
// V::lanes rows at a time, all in registers.
#pragma once

#include "contract.hpp"
#include "tile.hpp"

namespace forwardpass {
namespace {

// k[i], lane l = w[l * row_stride + i]. V::load_rows(w, stride, i) holds, in its 16-byte parts,
// the first `unit` elements of rows i, i + unit, i + 2 unit, ...: two rounds of zips (one for
// double) inside the parts finish the transpose.
template <class V>
FORWARDPASS_INLINE void load_transposed(const typename V::Element* w, Index row_stride,
                                        typename V::Register (&k)[V::unit]) noexcept {
    if constexpr (V::unit == 4) {
        const auto r0 = V::load_rows(w, row_stride, 0), r1 = V::load_rows(w, row_stride, 1);
        const auto r2 = V::load_rows(w, row_stride, 2), r3 = V::load_rows(w, row_stride, 3);
        const auto low01 = V::zip_low(r0, r1), high01 = V::zip_high(r0, r1);
        const auto low23 = V::zip_low(r2, r3), high23 = V::zip_high(r2, r3);
        k[0] = V::zip_low_pairs(low01, low23);
        k[1] = V::zip_high_pairs(low01, low23);
        k[2] = V::zip_low_pairs(high01, high23);
        k[3] = V::zip_high_pairs(high01, high23);
    } else if constexpr (V::unit == 2) {
        const auto r0 = V::load_rows(w, row_stride, 0), r1 = V::load_rows(w, row_stride, 1);
        k[0] = V::zip_low(r0, r1);
        k[1] = V::zip_high(r0, r1);
    } else {
        k[0] = V::load(w);
    }
}

// One step of k, for the last depth % unit of them.
template <class V>
FORWARDPASS_INLINE typename V::Register load_column(const typename V::Element* w, Index row_stride) noexcept {
    typename V::Element column[V::lanes];
    for (Index lane = 0; lane < V::lanes; ++lane) column[lane] = w[lane * row_stride];
    return V::load(column);
}

}  // namespace
}  // namespace forwardpass
