// e^x as a power of two times 1 + rest, in plain numbers. An fma then adds or multiplies both parts with one rounding.
#pragma once

#include "kernels/functions/exponential.hpp"

namespace forwardpass {
namespace {

// A polynomial without its first coefficient, divided by x. A long one has two chains, so that it takes half the time.
template <class V, int count>
FORWARDPASS_INLINE Register<V> higher_powers(const Element<V> (&coefficients)[count], Register<V> x) noexcept {
    constexpr int last = count - 1, chains = count < 8 ? 1 : 2;
    const auto step = chains == 1 ? x : x * x;
    Register<V> chain[2] = {V::broadcast(coefficients[last]), V::broadcast(coefficients[last - 1])};
    unrolled<last - chains>([&](auto i) FORWARDPASS_UNROLLED {
        auto& one = chain[i % chains];
        one = V::fma(one, step, V::broadcast(coefficients[last - chains - i]));
    });
    return chains == 1 ? chain[0] : V::fma(chain[last % 2], x, chain[(last + 1) % 2]);
}

// The same as polynomial() of pair.hpp, with another order of roundings.
template <class V, int count>
FORWARDPASS_INLINE Register<V> in_chains(const Element<V> (&coefficients)[count], Register<V> x) noexcept {
    return V::fma(higher_powers<V>(coefficients, x), x, V::broadcast(coefficients[0]));
}

// The same with the error of its last addition. Precondition: that addition at most halves or doubles the first
// coefficient.
template <class V, int count>
FORWARDPASS_INLINE Pair<V> polynomial_pair(const Element<V> (&coefficients)[count], Register<V> x) noexcept {
    const auto rest = higher_powers<V>(coefficients, x), first = V::broadcast(coefficients[0]);
    const auto high = V::fma(rest, x, first);
    return {high, V::fma(rest, x, first - high)};
}

// x = n ln 2 + r for a whole n. The lowest bits of `shifted` are the exponent of 2^(n + more).
template <class V>
struct Reduced {
    Register<V> shifted, n, r;
};

// Reduces x + low, where low is at most a unit in the last place of x. ln 2 has two parts, as in exponential().
template <class V>
FORWARDPASS_INLINE Reduced<V> reduce(Register<V> x, Register<V> low, Element<V> more) noexcept {
    using C = Coefficients<Element<V>>;
    const auto rounder = V::broadcast(FloatFormat<Element<V>>::rounder + more);
    const auto shifted = V::fma(x, V::broadcast(C::log2_e), rounder), n = shifted - rounder;
    return {shifted, n, V::fma(n, V::broadcast(-C::ln2_high), x) + V::fma(n, V::broadcast(-C::ln2_low), low)};
}

// Reduces x alone, with one addition less.
template <class V>
FORWARDPASS_INLINE Reduced<V> reduce(Register<V> x, Element<V> more) noexcept {
    using C = Coefficients<Element<V>>;
    const auto rounder = V::broadcast(FloatFormat<Element<V>>::rounder + more);
    const auto shifted = V::fma(x, V::broadcast(C::log2_e), rounder), n = shifted - rounder;
    return {shifted, n, V::fma(n, V::broadcast(-C::ln2_low), V::fma(n, V::broadcast(-C::ln2_high), x))};
}

// e^r - 1.
template <class V>
FORWARDPASS_INLINE Register<V> exp_rest(Register<V> r) noexcept {
    return V::fma(r * r, in_chains<V>(Coefficients<Element<V>>::exp_tail, r), r);
}

// 2^more e^x = power (1 + rest), -0.3 < rest < 0.42.
template <class V>
struct ExpParts {
    Register<V> power, rest;

    explicit FORWARDPASS_INLINE ExpParts(const Reduced<V>& x) noexcept
        : power(V::to_exponent(x.shifted)), rest(exp_rest<V>(x.r)) {}
};

}  // namespace
}  // namespace forwardpass
