// The functions of rows: what each column has of its own, here, and what a whole row decides. All in pairs (pair.hpp).
#pragma once

#include "layer_norm.hpp"
#include "softmax.hpp"

namespace forwardpass {
namespace {

// x - center. The low part may be as large as u center, u the unit roundoff, where the high part is next to nothing.
// What product() drops then is u^2 center times the scale, which the bound counts in any case.
template <class V>
FORWARDPASS_INLINE Pair<V> difference(Register<V> x, const Pair<V>& center) noexcept {
    const Pair<V> high = two_sum<V>(x, -center.high);
    return {high.high, high.low - center.low};
}

template <class V, bool with_powers>
void columns(const RowTask<Element<V>>& a) noexcept {
    each_column<V>(a, [&](auto x, Index i) FORWARDPASS_UNROLLED {
        const Pair<V> middle = column<V>(a, center_row, i), factor = column<V>(a, scale_row, i),
                      more = column<V>(a, offset_row, i);
        const Pair<V> scaled = Powers<V, with_powers>(a, i).times(difference<V>(x, middle), factor);
        const Pair<V> y = sum<V>(scaled, more);
        const auto value = finite_or<V>(y.high + y.low, scaled.high + more.high);
        return smaller<V>(V::load(a.table + highest_row * a.table_stride + i),
                          V::max(V::load(a.table + lowest_row * a.table_stride + i), value));
    });
}

template <class V>
void row(const RowTask<Element<V>>& a) noexcept {
    if (a.count == 0) return;
    switch (a.function) {
        case RowFunction::columns: return a.powers ? columns<V, true>(a) : columns<V, false>(a);
        case RowFunction::layer_norm: return layer_norm<V>(a);
        case RowFunction::softmax: return softmax<V>(a);
        case RowFunction::log_softmax: return log_softmax<V>(a);
    }
}

}  // namespace
}  // namespace forwardpass
