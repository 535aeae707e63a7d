// Activations that are quotients: of x and its size, of x and 6, of polynomials of e^x. The rules of functions.hpp hold
// for them: they are right to two units, and rising ones never fall between neighbours.
#pragma once

#include "kernels/functions/exp_parts.hpp"

namespace forwardpass {
namespace {

// x / (1 + |x|). The error of 1 + |x| is added again, because the quotient would fall where the sum is rounded up.
template <class V>
FORWARDPASS_INLINE Register<V> softsign(Register<V> x) noexcept {
    using T = Element<V>;
    // From `most` on the quotient rounds to 1. Limiting |x| to it keeps everything from overflowing.
    constexpr T most = 1 / FloatFormat<T>::lowered;
    const auto a = -V::max(V::broadcast(-most), V::with_sign(x, V::broadcast(-1)));
    const Pair<V> y = quotient<V>({a, V::broadcast(0)}, two_sum<V>(V::broadcast(1), a));
    return V::with_sign(y.high + y.low, x);
}

// x + 3, limited to 0 and 6, divided by 6. Each step rises, and near -3 the sum is exact.
template <class V>
FORWARDPASS_INLINE Register<V> hardsigmoid(Register<V> x) noexcept {
    const auto six = V::broadcast(6);
    return smaller<V>(six, V::max(V::broadcast(0), x + V::broadcast(3))) / six;
}

// x (x + 3) / 6 between -3 and 3, and x above. The product includes the error of the sum, and rounds once.
template <class V>
FORWARDPASS_INLINE Register<V> hardswish(Register<V> x) noexcept {
    const auto three = V::broadcast(3), bounded = V::max(-three, x);
    const Pair<V> sum = fast_two_sum<V>(three, bounded);
    const auto y = V::fma(bounded, sum.high, bounded * sum.low) / V::broadcast(6);
    return V::select_at_least(x, three, x, V::with_sign(y, x));  // -0.0 for -0.0
}

// x tanh(log(1 + e^x)) = x n / (n + 2), n = e^x (e^x + 2): Misra, Mish, 2019. e^x and n are in two parts, and n has a
// factor of 2^lift, as results may be subnormal.
template <class V>
FORWARDPASS_INLINE Register<V> mish(Register<V> x) noexcept {
    using Format = FloatFormat<Element<V>>;
    const auto two = V::broadcast(2), lowered = V::broadcast(Format::lowered);
    const auto bounded = V::max(V::broadcast(-Format::exp_limit), x);
    const ExpParts<V> e(reduce<V>(bounded, Format::lift));
    const auto high = V::fma(e.power, e.rest, e.power), low = V::fma(e.power, e.rest, e.power - high);
    const auto plain = high * lowered;
    const Pair<V> more = two_sum<V>(two, plain);  // e^x + 2
    const auto n = high * more.high;
    // The low part of e^x counts in both factors.
    const auto left = V::fma(low, more.high + plain, V::fma(high, more.low, V::fma(high, more.high, -n)));
    const auto n_plain = n * lowered;
    Pair<V> divisor = two_sum<V>(two, n_plain);
    divisor.low = V::fma(left, lowered, divisor.low);
    const Pair<V> share = quotient<V>({n, V::broadcast(0)}, divisor);
    const auto rest = V::fma(left, V::broadcast(1) / divisor.high, share.low);
    const auto y = V::fma(bounded, share.high, bounded * rest) * lowered;
    return V::select_at_least(x, V::broadcast(Format::one_from), x, V::with_sign(y, x));  // -0.0 for -0.0
}

// 1 / alpha in two parts, and the x below which e^(x / alpha) is too small to count.
template <class T>
struct CeluParameters {
    T alpha, lowest;
    Pair<Scalar<T>> inverse;

    explicit CeluParameters(T the_alpha) noexcept
        : alpha(the_alpha),
          lowest(-FloatFormat<T>::expm1_limit * the_alpha),
          inverse(quotient<Scalar<T>>({1, 0}, {the_alpha, 0})) {}
};

// alpha (e^(x / alpha) - 1) below 0. Where x is very small beside alpha, that is x.
template <class V>
FORWARDPASS_INLINE Register<V> celu(Register<V> x, const CeluParameters<Element<V>>& f) noexcept {
    using T = Element<V>;
    constexpr T next_to_nothing = sizeof(T) == 4 ? static_cast<T>(0x1p-26) : static_cast<T>(0x1p-55);
    const auto bounded = V::max(V::broadcast(f.lowest), x), inverse = V::broadcast(f.inverse.high);
    const auto u = bounded * inverse;
    const auto low = V::fma(bounded, V::broadcast(f.inverse.low), V::fma(bounded, inverse, -u));
    const ExpParts<V> e(reduce<V>(u, 0));
    const auto y = V::fma(e.power, e.rest, e.power - V::broadcast(1));
    // alpha (y + low e^u), where e^u = 1 + y.
    const auto alpha = V::broadcast(f.alpha), more = alpha * low, below = V::fma(alpha, y, V::fma(more, y, more));
    return V::select_at_least(u, V::broadcast(-next_to_nothing), x, below);
}

}  // namespace
}  // namespace forwardpass
