// e^x for x <= 0 in parts, so that a result that is made from it rounds once.
#pragma once

#include "kernels/functions/pair.hpp"

namespace forwardpass {
namespace {

template <class T>
struct FloatFormat;

template <>
struct FloatFormat<float> {
    // 1.5 * 2^23 plus the exponent's bias: adding it rounds to a whole number, whose bits are then the lowest.
    static constexpr float rounder = 12582912.0f + 127;
    // e^-limit, times anything that it is multiplied by, is below half of the smallest subnormal.
    static constexpr float exp_limit = 110;
    // expm1(-limit) and tanh(limit) round to -1 and 1.
    static constexpr float expm1_limit = 20, tanh_limit = 10;
    // GELU, of tanh, is 0 below -gelu_limit and x from gelu_linear_from on.
    static constexpr float gelu_limit = 11, gelu_linear_from = 6;
    // 1 + e^-one_from rounds to 1.
    static constexpr float one_from = 20;
    // Times 2^lift even subnormal results are normal numbers, and so are their inverses times 2^-lift.
    static constexpr float lift = 64, lowered = 0x1p-64f;
    static constexpr float smallest_exponent = -126;  // of a normal number
    static constexpr float largest = 0x1.fffffep127f;
};

template <>
struct FloatFormat<double> {
    static constexpr double rounder = 6755399441055744.0 + 1023;
    static constexpr double exp_limit = 760;
    static constexpr double expm1_limit = 42, tanh_limit = 21;
    static constexpr double gelu_limit = 21.75, gelu_linear_from = 8;
    static constexpr double one_from = 40;
    static constexpr double lift = 128, lowered = 0x1p-128;
    static constexpr double smallest_exponent = -1022;
    static constexpr double largest = 0x1.fffffffffffffp1023;
};

// e^x = 2^n (1 + high + low), |high| <= ln(2) / 2.
template <class V>
struct Exponential {
    Register<V> n, high, low;
};

// Precondition: x.high is in [-exp_limit, 0]. Multiples of ln 2, which has two parts, are subtracted (Cody and Waite,
// Software Manual for the Elementary Functions, 1980).
template <class V>
FORWARDPASS_INLINE Exponential<V> exponential(const Pair<V>& x) noexcept {
    using T = Element<V>;
    using C = Coefficients<T>;
    const auto rounder = V::broadcast(FloatFormat<T>::rounder);
    const auto n = V::fma(x.high, V::broadcast(C::log2_e), rounder) - rounder;
    const auto exact = V::fma(n, V::broadcast(-C::ln2_high), x.high);
    const auto small = V::fma(n, V::broadcast(-C::ln2_low), x.low);
    const auto r = exact + small, left = (exact - r) + small;
    const auto tail = polynomial<V>(C::expm1_tail, r);
    return {n, r, V::fma(r * r, tail, V::fma(r, left, left))};
}

// 2^n for a whole n in the range of normal numbers.
template <class V>
FORWARDPASS_INLINE Register<V> power_of_two(Register<V> n) noexcept {
    return V::to_exponent(n + V::broadcast(FloatFormat<Element<V>>::rounder));
}

// 1 + high + low of an Exponential.
template <class V>
FORWARDPASS_INLINE Pair<V> significand(const Exponential<V>& e) noexcept {
    const Pair<V> one = fast_two_sum<V>(V::broadcast(1), e.high);
    return fast_two_sum<V>(one.high, one.low + e.low);
}

}  // namespace
}  // namespace forwardpass
