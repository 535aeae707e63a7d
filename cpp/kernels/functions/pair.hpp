// Pairs: a number as the unevaluated sum of two, with twice the precision. Results that must be right to the last place
// after several roundings need them. Each operation uses +, *, / and fma only, which round alike on every CPU. (Dekker,
// A floating-point technique for extending the available precision, 1971; Muller et al., Handbook of Floating-Point
// Arithmetic, 2nd ed., ch. 4 and 14.)
#pragma once

#include "kernels/functions/coefficients.hpp"
#include "kernels/unrolled.hpp"
#include "kernels/vector.hpp"

namespace forwardpass {
namespace {

template <class V>
struct Pair {
    Register<V> high, low;
};

template <class V>
FORWARDPASS_INLINE Pair<V> constant(const ConstantPair<Element<V>>& value) noexcept {
    return {V::broadcast(value.high), V::broadcast(value.low)};
}

// a + b, exactly.
template <class V>
FORWARDPASS_INLINE Pair<V> two_sum(Register<V> a, Register<V> b) noexcept {
    const auto sum = a + b, b_part = sum - a;
    return {sum, (a - (sum - b_part)) + (b - b_part)};
}

// The same where |a| >= |b| or a is 0.
template <class V>
FORWARDPASS_INLINE Pair<V> fast_two_sum(Register<V> a, Register<V> b) noexcept {
    const auto sum = a + b;
    return {sum, b - (sum - a)};
}

// a * b, exactly where nothing underflows.
template <class V>
FORWARDPASS_INLINE Pair<V> two_product(Register<V> a, Register<V> b) noexcept {
    const auto product = a * b;
    return {product, V::fma(a, b, -product)};
}

template <class V>
FORWARDPASS_INLINE Pair<V> product(const Pair<V>& a, const Pair<V>& b) noexcept {
    const Pair<V> high = two_product<V>(a.high, b.high);
    return {high.high, high.low + V::fma(a.high, b.low, a.low * b.high)};
}

template <class V>
FORWARDPASS_INLINE Pair<V> product(Register<V> a, const Pair<V>& b) noexcept {
    const Pair<V> high = two_product<V>(a, b.high);
    return {high.high, V::fma(a, b.low, high.low)};
}

template <class V>
FORWARDPASS_INLINE Pair<V> sum(const Pair<V>& a, const Pair<V>& b) noexcept {
    const Pair<V> high = two_sum<V>(a.high, b.high);
    return fast_two_sum<V>(high.high, high.low + (a.low + b.low));
}

// a / b, given 1 / b.high.
template <class V>
FORWARDPASS_INLINE Pair<V> quotient(const Pair<V>& a, const Pair<V>& b, Register<V> reciprocal) noexcept {
    const auto high = a.high * reciprocal;
    const auto left = V::fma(-high, b.high, a.high) + V::fma(-high, b.low, a.low);
    return {high, left * reciprocal};
}

template <class V>
FORWARDPASS_INLINE Pair<V> quotient(const Pair<V>& a, const Pair<V>& b) noexcept {
    return quotient<V>(a, b, V::broadcast(1) / b.high);
}

// The smaller one; NaN in b passes.
template <class V>
FORWARDPASS_INLINE Register<V> smaller(Register<V> a, Register<V> b) noexcept {
    return V::select_at_least(b, a, a, b);
}

// The polynomial with these coefficients, of rising powers of x, by Horner's rule.
template <class V, int count>
FORWARDPASS_INLINE Register<V> polynomial(const Element<V> (&coefficients)[count], Register<V> x) noexcept {
    auto total = V::broadcast(coefficients[count - 1]);
    unrolled<count - 1>(
        [&](auto i) FORWARDPASS_UNROLLED { total = V::fma(total, x, V::broadcast(coefficients[count - 2 - i])); });
    return total;
}

}  // namespace
}  // namespace forwardpass
