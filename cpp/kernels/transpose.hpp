// Turning rows of k into vectors of outputs: V::unit steps of k (as many as fit 16 bytes) for
// V::lanes rows at a time, all in registers.
#pragma once

#include "contract.hpp"
#include "unrolled.hpp"

namespace forwardpass {
namespace {

// Swaps rows and columns inside each 16-byte part: element j of part p of `to[i]` is element i of part
// p of `from[j]`. Two rounds of zips, one for double.
template <class V>
FORWARDPASS_INLINE void transpose_parts(const typename V::Register (&from)[V::unit],
                                        typename V::Register (&to)[V::unit]) noexcept {
    if constexpr (V::unit == 4) {
        const auto low01 = V::zip_low(from[0], from[1]), high01 = V::zip_high(from[0], from[1]);
        const auto low23 = V::zip_low(from[2], from[3]), high23 = V::zip_high(from[2], from[3]);
        to[0] = V::zip_low_pairs(low01, low23);
        to[1] = V::zip_high_pairs(low01, low23);
        to[2] = V::zip_low_pairs(high01, high23);
        to[3] = V::zip_high_pairs(high01, high23);
    } else if constexpr (V::unit == 2) {
        to[0] = V::zip_low(from[0], from[1]);
        to[1] = V::zip_high(from[0], from[1]);
    } else {
        to[0] = from[0];
    }
}

// Steps of k that are best turned at once: twice the unit where registers have four parts. Loads of 32 bytes are half
// as many, for half as many zips more: 64 rows of 10000 x 1 took 42 us instead of 47. Registers of two parts lost 8 %
// by it, two zips made of one and two blends, which more units can do, 10 %, and loads of both kinds in turns 7 % (Zen
// 4).
template <class V>
constexpr int most_turned = static_cast<int>(V::lanes >= 4 * V::unit ? 2 * V::unit : V::unit);

// k[i], lane l = w[l * row_stride + i], for `steps` of k: the unit, or most_turned. V::load_rows(w, stride, i) holds,
// in its 16-byte parts, the first `unit` elements of rows i, i + unit, i + 2 unit, ...; V::load_wide_rows in its
// 32-byte halves twice as many of rows i and i + unit.
template <class V, int steps>
FORWARDPASS_INLINE void turn_rows(const typename V::Element* w, Index row_stride,
                                  typename V::Register (&k)[steps]) noexcept {
    typename V::Register rows[V::unit];
    if constexpr (steps == V::unit) {
        unrolled<V::unit>([&](auto i) FORWARDPASS_UNROLLED { rows[i] = V::load_rows(w, row_stride, i); });
        transpose_parts<V>(rows, k);
    } else {
        typename V::Register parts[2][V::unit];
        unrolled<2>([&](auto half) FORWARDPASS_UNROLLED {
            unrolled<V::unit>([&](auto i) FORWARDPASS_UNROLLED {
                rows[i] = V::load_wide_rows(w + half * (V::lanes / 2) * row_stride, row_stride, i);
            });
            transpose_parts<V>(rows, parts[half]);
        });
        unrolled<V::unit>([&](auto i) FORWARDPASS_UNROLLED {
            k[i] = V::even_parts(parts[0][i], parts[1][i]);
            k[V::unit + i] = V::odd_parts(parts[0][i], parts[1][i]);
        });
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
