// The activations that need more than one operation, in plain numbers. In float and double they are wrong by at most
// two units in the last place, and have the same bits on every instruction set. tests/cpp/ulp.cpp measures them.
//
// A rising function must not fall between two neighbouring numbers, whatever is rounded. So some
// are made of steps that rise too, such as 1 / (1 + e^-x). Others are x plus a small part, whose rounding is small
// beside a step of x.
//
// Infinities give the limits, NaN gives NaN, and x = -0.0 gives -0.0 where the function is 0 there.
#pragma once

#include "kernels/functions/exp_parts.hpp"
#include "kernels/isa/scalar.hpp"

namespace forwardpass {
namespace {

// -|x|, but no less than -most; NaN passes.
template <class V>
FORWARDPASS_INLINE Register<V> negative_down_to(Element<V> most, Register<V> x) noexcept {
    return V::max(V::broadcast(-most), V::with_sign(x, V::broadcast(-1)));
}

// e^x - 1 for x in [-expm1_limit, 0], and NaN for NaN.
template <class V>
FORWARDPASS_INLINE Register<V> expm1(Register<V> x) noexcept {
    const ExpParts<V> e(reduce<V>(x, 0));
    return V::fma(e.power, e.rest, e.power - V::broadcast(1));
}

// x + x^3 (-1/3 + ...), and from tanh_turn on 1 - 2 / (1 + e^2|x|).
template <class V>
FORWARDPASS_INLINE Register<V> tanh(Register<V> x) noexcept {
    using T = Element<V>;
    using C = Coefficients<T>;
    const auto a = negative_down_to<V>(FloatFormat<T>::tanh_limit, x), square = a * a;  // -|x|
    const auto near = V::fma(a * square, in_chains<V>(C::tanh_tail, square), a);
    const auto two = V::broadcast(2), one = V::broadcast(1);
    const ExpParts<V> e(reduce<V>(-two * a, 0));
    const auto far = two / V::fma(e.power, e.rest, e.power + one) - one;
    return V::with_sign(V::select_at_least(a, V::broadcast(-C::tanh_turn), near, far), x);
}

// e^x - 1 below 0. Above 0 the result is not used.
template <class V>
FORWARDPASS_INLINE Register<V> expm1_down(Register<V> x) noexcept {
    return expm1<V>(V::max(V::broadcast(-FloatFormat<Element<V>>::expm1_limit), x));
}

template <class V>
FORWARDPASS_INLINE Register<V> leaky_relu(Register<V> x, Element<V> slope) noexcept {
    return V::select_at_least(x, V::broadcast(0), x, x * V::broadcast(slope));
}

template <class V>
FORWARDPASS_INLINE Register<V> hardtanh(Register<V> x, Element<V> least, Element<V> most) noexcept {
    return smaller<V>(V::broadcast(most), V::max(V::broadcast(least), x));
}

// alpha (e^x - 1) below 0.
template <class V>
FORWARDPASS_INLINE Register<V> elu(Register<V> x, Element<V> alpha) noexcept {
    return V::select_at_least(x, V::broadcast(0), x, V::broadcast(alpha) * expm1_down<V>(x));
}

// Klambauer et al., Self-normalizing neural networks, 2017.
template <class V>
FORWARDPASS_INLINE Register<V> selu(Register<V> x) noexcept {
    using C = Coefficients<Element<V>>;
    // The low part of a product of infinity must not be the other infinity.
    const auto low = V::max(V::broadcast(-FloatFormat<Element<V>>::largest), x * V::broadcast(C::selu_scale.low));
    const auto above = V::fma(x, V::broadcast(C::selu_scale.high), low);
    const auto below = V::broadcast(C::selu_scale_alpha) * expm1_down<V>(x);
    return V::with_sign(V::select_at_least(x, V::broadcast(0), above, below), x);
}

// 2^-lift (1 + e^x), of 2^-lift e^x: it is finite where 1 / (1 + e^x) is subnormal.
template <class V>
FORWARDPASS_INLINE Register<V> lowered_one_plus(const ExpParts<V>& e) noexcept {
    // Exact, except for powers that are too small to change 1.
    const Pair<V> sum = fast_two_sum<V>(e.power, V::broadcast(FloatFormat<Element<V>>::lowered));
    return sum.high + V::fma(e.power, e.rest, sum.low);
}

template <class V>
FORWARDPASS_INLINE Register<V> sigmoid(Register<V> x) noexcept {
    using T = Element<V>;
    using Format = FloatFormat<T>;
    const auto negated = V::max(V::broadcast(-Format::one_from), -V::max(V::broadcast(-Format::exp_limit), x));
    const ExpParts<V> e(reduce<V>(negated, -Format::lift));
    return V::broadcast(Format::lowered) / lowered_one_plus<V>(e);
}

// x / (1 + e^-u), made from 2^-lift e^-u. From `most` on e^-u is too small to change the result, which is x.
template <class V>
FORWARDPASS_INLINE Register<V> gated(Register<V> x, Register<V> bounded, Element<V> most,
                                     const ExpParts<V>& e) noexcept {
    const auto y = bounded / lowered_one_plus<V>(e) * V::broadcast(FloatFormat<Element<V>>::lowered);
    return V::select_at_least(x, V::broadcast(most), x, y);
}

// x / (1 + e^-x), also called swish.
template <class V>
FORWARDPASS_INLINE Register<V> silu(Register<V> x) noexcept {
    using T = Element<V>;
    using Format = FloatFormat<T>;
    const auto bounded = V::max(V::broadcast(-Format::exp_limit), x);
    return gated<V>(x, bounded, Format::one_from, ExpParts<V>(reduce<V>(-bounded, -Format::lift)));
}

// x / (1 + e^-u), u = 2 sqrt(2 / pi) (x + 0.044715 x^3): 0.5 x (1 + tanh(u / 2)). Hendrycks and Gimpel, Gaussian error
// linear units, 2016. A u of 100 must be right to 2^-24, so it has a low part.
template <class V>
FORWARDPASS_INLINE Register<V> gelu_tanh(Register<V> x) noexcept {
    using T = Element<V>;
    using C = Coefficients<T>;
    using Format = FloatFormat<T>;
    const auto linear = V::broadcast(C::gelu_linear.high), cubic = V::broadcast(C::gelu_cubic.high);
    const auto bounded = V::max(V::broadcast(-Format::gelu_limit), x);
    const auto square = bounded * bounded, square_low = V::fma(bounded, bounded, -square);
    const auto factor = V::fma(cubic, square, linear);
    // linear.high has so few digits that its difference from the factor is exact.
    auto left = V::fma(cubic, square, linear - factor);
    left = V::fma(cubic, square_low, left);
    left = V::fma(V::broadcast(C::gelu_cubic.low), square, left) + V::broadcast(C::gelu_linear.low);
    const auto u = bounded * factor, u_low = V::fma(bounded, left, V::fma(bounded, factor, -u));
    return gated<V>(x, bounded, Format::gelu_linear_from, ExpParts<V>(reduce<V>(-u, -u_low, -Format::lift)));
}

// x Phi(x), of the normal distribution's Phi. For a = |x| and s = a / (a + 2.25), a Phi(-a) = e^(-a^2 / 2) s G(s),
// where G is so smooth that one polynomial does (Shepherd and Laframboise, Chebyshev approximation of (1 + 2x) exp(x^2)
// erfc x, 1981). What rounding loses before e^(-a^2 / 2) comes back as `low`.
template <class V>
FORWARDPASS_INLINE Register<V> gelu(Register<V> x) noexcept {
    using T = Element<V>;
    using C = Coefficients<T>;
    using Format = FloatFormat<T>;
    const auto a = negative_down_to<V>(C::normal_largest, x), half = a * V::broadcast(static_cast<T>(-0.5));
    const auto pivot = V::broadcast(C::normal_half_pivot);
    const auto divisor = half + pivot, divisor_low = (pivot - divisor) + half, s = half / divisor;
    // Half of a - s (a + 2.25), the error of s. It changes s G(s) by about (0.9 - s)^2 times as much.
    const auto lost = V::fma(-s, divisor_low, V::fma(-s, divisor, half));
    const auto weight = V::broadcast(static_cast<T>(0.9)) - s;
    const Pair<V> g = polynomial_pair<V>(C::normal_tail, s - V::broadcast(C::normal_center));
    const auto mills = s * g.high;
    const auto low = V::fma(lost, weight * weight, V::fma(s, g.low, V::fma(s, g.high, -mills)));

    const auto square = half * a;
    const ExpParts<V> e(reduce<V>(square, V::fma(half, a, -square), Format::lift));
    const auto below = (mills + V::fma(mills + low, e.rest, low)) * e.power;
    // max(0, x) - below, of a zero that lets -0.0 keep its sign.
    return V::fma(-below, V::broadcast(Format::lowered), V::max(V::broadcast(static_cast<T>(-0.0)), x));
}

// 1 / beta and log(2) / beta without a power of two, which `rounder` holds, because 1 / beta may overflow.
template <class T>
struct SoftplusParameters {
    T beta, threshold, farthest, half, rounder;
    ConstantPair<T> reciprocal, at_0;

    SoftplusParameters(T the_beta, T the_threshold) noexcept : beta(the_beta), threshold(the_threshold) {
        using Format = FloatFormat<T>;
        int exponent = 0;
        const T part = static_cast<T>(__builtin_frexp(beta, &exponent));
        const int some = exponent / 2;
        // x beyond `far` gives 0. For a small beta it is further away, because 1 / beta is large; 0.7 is above ln 2.
        const double most = static_cast<double>(Format::exp_limit) + (exponent < 0 ? -0.7 * exponent : 0);
        const double far = __builtin_ldexp(most / static_cast<double>(part), -exponent);
        farthest = far < static_cast<double>(Format::largest) ? static_cast<T>(far) : Format::largest;
        const Pair<Scalar<T>> divisor{part, 0}, one{1, 0};
        reciprocal = lowered(quotient<Scalar<T>>(one, divisor), some);
        at_0 = lowered(quotient<Scalar<T>>(constant<Scalar<T>>(Coefficients<T>::ln2), divisor), some);
        half = static_cast<T>(__builtin_ldexp(1, exponent - some - 1));
        rounder = Format::rounder + static_cast<T>(some - exponent);
    }

private:
    static ConstantPair<T> lowered(const Pair<Scalar<T>>& value, int exponent) noexcept {
        const double power = __builtin_ldexp(1, -exponent);
        return {static_cast<T>(value.high * static_cast<T>(power)), static_cast<T>(value.low * static_cast<T>(power))};
    }
};

// log(1 + e^v) / beta for v = beta x, and x itself where v > threshold, as PyTorch has it. With w = -|v|, it is
// max(0, x) + log(1 + e^w) / beta. That does not rise near 0, where x is small beside the rounding of the sum: there it
// is (log(2) + v / 2 + v^2 (1/8 - ...)) / beta, whose noise shrinks with v.
template <class V>
FORWARDPASS_INLINE Register<V> softplus(Register<V> x, const SoftplusParameters<Element<V>>& f) noexcept {
    using T = Element<V>;
    using C = Coefficients<T>;
    using Format = FloatFormat<T>;
    const auto zero = V::broadcast(0), one = V::broadcast(1), beta = V::broadcast(f.beta);
    const auto reciprocal = V::broadcast(f.reciprocal.high);
    const auto a = negative_down_to<V>(f.farthest, x);
    const auto v = beta * x, w = beta * a;

    // x / 2 is exact, unlike v / 2.
    const auto square = w * w, even = square * in_chains<V>(C::softplus_even, square);
    const auto change = V::fma(even, reciprocal, V::broadcast(f.at_0.low));
    const auto near = V::broadcast(f.at_0.high) + V::fma(x, V::broadcast(f.half), change);

    // w <= -turn: log(1 + e) = e (1 + e (-1/2 + ...)) for e = e^w = 2^n (1 + rest).
    const Reduced<V> reduced = reduce<V>(w, V::fma(beta, a, -w), 0);
    const auto rest = exp_rest<V>(reduced.r), significand = one + rest;
    const auto first = V::max(V::broadcast(Format::smallest_exponent), reduced.n);
    const auto power = power_of_two<V>(first), e = significand * power;
    const auto more = V::fma(significand * e, in_chains<V>(C::log1p_tail, e), rest);
    const auto far = (reciprocal + V::fma(more, reciprocal, V::broadcast(f.reciprocal.low))) * power;

    const auto turn = V::broadcast(C::softplus_turn);
    const auto below = V::select_at_least(-turn, w, far, near), above = V::select_at_least(v, turn, x, zero);
    const auto y = V::fma(below, V::to_exponent((reduced.n - first) + V::broadcast(f.rounder)), above);
    return V::select_at_least(V::broadcast(f.threshold), v, y, x);
}

}  // namespace
}  // namespace forwardpass
