// log(1 + s) in pairs, for sums over rows.
#pragma once

#include "kernels/functions/pair.hpp"

namespace forwardpass {
namespace {

// log(1 + s) = 2 atanh(s / (2 + s)) for 0 <= s; `ratio` is s / (2 + s) but for the scale `power`, and so is the result.
template <class V>
FORWARDPASS_INLINE Pair<V> log1p_of_ratio(const Pair<V>& ratio, Register<V> power) noexcept {
    using C = Coefficients<Element<V>>;
    const Pair<V> scaled{ratio.high * power, ratio.low * power};
    const Pair<V> square = product<V>(scaled, scaled), third = constant<V>(C::atanh_tail_0);
    const Pair<V> tail =
        fast_two_sum<V>(third.high, V::fma(square.high, polynomial<V>(C::atanh_tail, square.high), third.low));
    const Pair<V> half = sum<V>(ratio, product<V>(ratio, product<V>(square, tail)));
    return {half.high + half.high, half.low + half.low};
}

}  // namespace
}  // namespace forwardpass
