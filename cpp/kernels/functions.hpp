// The activations that are no single operation. Each is computed in pairs (pair.hpp) and rounded once at the end, so
// that its error is little more than half a unit in the last place, in float and in double, with the same bits on every
// instruction set. tests/cpp/ulp.cpp measures them.
//
// Infinities give the limits, NaN gives NaN, and x = -0.0 gives -0.0 where the function is 0 there.
#pragma once

#include "exponential.hpp"

namespace forwardpass {
namespace {

// |x| up to `most`; NaN passes.
template <class V>
FORWARDPASS_INLINE Register<V> magnitude_up_to(Element<V> most, Register<V> x) noexcept {
    return smaller<V>(V::broadcast(most), V::magnitude(x));
}

// E / (2 + E) for E = e^-2|x| - 1, and the sign of x.
template <class V>
FORWARDPASS_INLINE Register<V> tanh(Register<V> x) noexcept {
    const auto a = magnitude_up_to<V>(FloatFormat<Element<V>>::tanh_limit, x);
    const Pair<V> e = expm1<V>(-(a + a));
    Pair<V> denominator = fast_two_sum<V>(V::broadcast(2), e.high);
    denominator.low = denominator.low + e.low;
    const Pair<V> y = quotient<V>(e, denominator);
    return V::with_sign(y.high + y.low, x);
}

// alpha = part power. The power of two takes a small alpha's size, so that its subnormal results round once.
template <class T>
struct EluParameters {
    T part, power;

    explicit EluParameters(T alpha) noexcept {
        int exponent = 0;
        __builtin_frexp(alpha, &exponent);
        power = static_cast<T>(__builtin_ldexp(1, exponent < 0 ? exponent : 0));
        part = alpha / power;
    }
};

// alpha (e^x - 1) below 0.
template <class V>
FORWARDPASS_INLINE Register<V> elu(Register<V> x, const EluParameters<Element<V>>& alpha) noexcept {
    const auto zero = V::broadcast(0), part = V::broadcast(alpha.part);
    const auto negative = V::max(V::broadcast(-FloatFormat<Element<V>>::expm1_limit), smaller<V>(zero, x));
    const Pair<V> e = expm1<V>(negative);
    const auto below = V::fma(part, e.high, part * e.low) * V::broadcast(alpha.power);
    return V::select_at_least(x, zero, x, below);
}

// Klambauer et al., Self-normalizing neural networks, 2017.
template <class V>
FORWARDPASS_INLINE Register<V> selu(Register<V> x) noexcept {
    using T = Element<V>;
    const auto zero = V::broadcast(0);
    const auto negative = V::max(V::broadcast(-FloatFormat<T>::expm1_limit), smaller<V>(zero, x));
    const Pair<V> below = product<V>(constant<V>(Coefficients<T>::selu_scale_alpha), expm1<V>(negative));
    // The low part of a product of infinity must not be the other infinity.
    const Pair<V> scale = constant<V>(Coefficients<T>::selu_scale);
    const auto above = V::fma(x, scale.high, V::max(V::broadcast(-FloatFormat<T>::largest), x * scale.low));
    return V::with_sign(V::select_at_least(x, zero, above, below.high + below.low), x);
}

// 1 / (1 + e^-x) in a pair, times a scale that is 1 for x >= 0.
template <class V>
struct Logistic {
    Pair<V> ratio;
    Scale<V> scale;
};

template <class V>
FORWARDPASS_INLINE Logistic<V> logistic(const Pair<V>& x) noexcept {
    const auto zero = V::broadcast(0), one = V::broadcast(1);
    const auto high = -magnitude_up_to<V>(FloatFormat<Element<V>>::exp_limit, x.high);
    const auto e = exponential<V>({high, V::select_at_least(x.high, zero, -x.low, x.low)});
    const Pair<V> m = significand<V>(e);
    const Scale<V> power = scale<V>(e.n);
    Pair<V> denominator = fast_two_sum<V>(one, power.first * m.high);
    denominator.low = V::fma(power.first, m.low, denominator.low);
    const auto choose = [&](auto positive, auto negative)
                            FORWARDPASS_UNROLLED { return V::select_at_least(x.high, zero, positive, negative); };
    const Pair<V> numerator{choose(one, m.high), choose(zero, m.low)};
    return {quotient<V>(numerator, denominator), {choose(one, power.first), choose(one, power.rest)}};
}

template <class V>
FORWARDPASS_INLINE Register<V> sigmoid(Register<V> x) noexcept {
    const Logistic<V> y = logistic<V>({x, V::broadcast(0)});
    return (y.ratio.high + y.ratio.low) * y.scale.first * y.scale.rest;
}

// x times the logistic function of an argument that is large where |x| is at `most`, from where on it is x or 0.
template <class V>
FORWARDPASS_INLINE Register<V> gated(Register<V> x, Element<V> most, const Pair<V>& argument) noexcept {
    const Logistic<V> gate = logistic<V>(argument);
    const auto bounded = V::max(V::broadcast(-most), x);
    const auto y = V::fma(bounded, gate.ratio.high, bounded * gate.ratio.low) * gate.scale.first * gate.scale.rest;
    return V::with_sign(V::select_at_least(x, V::broadcast(most), x, y), x);
}

// x / (1 + e^-x), also called swish.
template <class V>
FORWARDPASS_INLINE Register<V> silu(Register<V> x) noexcept {
    return gated<V>(x, FloatFormat<Element<V>>::exp_limit, {x, V::broadcast(0)});
}

// x / (1 + e^-u), u = 2 sqrt(2 / pi) (x + 0.044715 x^3): 0.5 x (1 + tanh(u / 2)). Hendrycks and Gimpel, Gaussian error
// linear units, 2016.
template <class V>
FORWARDPASS_INLINE Register<V> gelu_tanh(Register<V> x) noexcept {
    using T = Element<V>;
    constexpr T most = FloatFormat<T>::gelu_limit;
    const auto bounded = smaller<V>(V::broadcast(most), V::max(V::broadcast(-most), x));
    const Pair<V> cubic = product<V>(two_product<V>(bounded, bounded), constant<V>(Coefficients<T>::gelu_cubic));
    return gated<V>(x, most, product<V>(bounded, sum<V>(constant<V>(Coefficients<T>::gelu_linear), cubic)));
}

// x Phi(x), of the normal distribution's Phi. Phi(-a) = e^(-a^2 / 2) G(t) / (a + 3), t = (a - 3) / (a + 3), where G is
// so smooth that one polynomial does (Shepherd and Laframboise, Chebyshev approximation of (1 + 2x) exp(x^2) erfc x,
// 1981).
template <class V>
FORWARDPASS_INLINE Register<V> gelu(Register<V> x) noexcept {
    using C = Coefficients<Element<V>>;
    const auto zero = V::broadcast(0), pivot = V::broadcast(C::normal_pivot);
    const auto a = magnitude_up_to<V>(C::normal_largest, x);
    const Pair<V> denominator = two_sum<V>(a, pivot);
    const auto reciprocal = V::broadcast(1) / denominator.high;
    const Pair<V> t = quotient<V>(two_sum<V>(a, -pivot), denominator, reciprocal);

    const Pair<V> c0 = constant<V>(C::normal_tail_0), c1 = constant<V>(C::normal_tail_1),
                  c2 = constant<V>(C::normal_tail_2);
    Pair<V> tail = fast_two_sum<V>(c2.high, V::fma(t.high, polynomial<V>(C::normal_tail, t.high), c2.low));
    tail = sum<V>(c1, product<V>(t, tail));
    tail = sum<V>(c0, product<V>(t, tail));

    const Pair<V> square = two_product<V>(a, a);
    const auto half = V::broadcast(static_cast<Element<V>>(-0.5));
    const auto high = V::max(V::broadcast(-FloatFormat<Element<V>>::exp_limit), half * square.high);
    const auto e = exponential<V>({high, half * square.low});
    const Scale<V> power = scale<V>(e.n);
    const Pair<V> q = quotient<V>(product<V>(significand<V>(e), tail), denominator, reciprocal);

    const Pair<V> below = product<V>(a, q);  // a Phi(-a), but for the scale
    const Pair<V> above = fast_two_sum<V>(a, -(below.high * power.first));
    const auto y = V::select_at_least(x, zero, above.high + V::fma(-below.low, power.first, above.low),
                                      (below.high + below.low) * power.first * power.rest);
    return V::with_sign(V::select_at_least(x, V::broadcast(C::normal_largest), x, y), x);
}

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

// beta = part 2^exponent, as 1 / beta may overflow.
template <class T>
struct SoftplusParameters {
    T beta, part, exponent, threshold;

    SoftplusParameters(T the_beta, T the_threshold) noexcept : beta(the_beta), threshold(the_threshold) {
        int twice = 0;
        part = static_cast<T>(2 * __builtin_frexp(beta, &twice));
        exponent = static_cast<T>(twice - 1);
    }
};

// log(1 + e^(beta x)) / beta, and x itself where beta x > threshold, as PyTorch has it.
template <class V>
FORWARDPASS_INLINE Register<V> softplus(Register<V> x, const SoftplusParameters<Element<V>>& f) noexcept {
    using Format = FloatFormat<Element<V>>;
    const auto zero = V::broadcast(0);
    const auto linear_from = V::broadcast(f.threshold < Format::exp_limit ? f.threshold : Format::exp_limit);
    // e^-104 is below 2^-149, the smallest beta there is: what is below the limit is nothing over any beta.
    const auto limit = V::broadcast(Format::exp_limit + 104);
    Pair<V> v = two_product<V>(V::broadcast(f.beta), x);
    const auto whole = v.high;
    v.high = smaller<V>(limit, V::max(-limit, v.high));
    // Of an infinity, and where it does not count, NaN.
    v.low = smaller<V>(V::broadcast(1), V::max(V::broadcast(-1), v.low));
    v.low = V::select_at_least(limit, V::magnitude(whole), v.low, zero);

    const auto e = exponential<V>({-V::magnitude(v.high), V::select_at_least(v.high, zero, -v.low, v.low)});
    const Pair<V> m = significand<V>(e);
    const auto power = scale<V>(e.n).first;
    Pair<V> denominator = fast_two_sum<V>(V::broadcast(2), power * m.high);
    denominator.low = V::fma(power, m.low, denominator.low);
    const Pair<V> log = log1p_of_ratio<V>(quotient<V>(m, denominator), power);

    const Pair<V> above = sum<V>(v, {log.high * power, log.low * power});
    const auto choose = [&](auto positive, auto negative)
                            FORWARDPASS_UNROLLED { return V::select_at_least(v.high, zero, positive, negative); };
    // Near 0, where e^x is not scaled: log(2) + x / 2 + x^2 (1/8 - ...), whose noise shrinks with x^2. That of the
    // polynomials above let 249 of all floats fall below their neighbours.
    using C = Coefficients<Element<V>>;
    const auto square = v.high * v.high, half = V::broadcast(static_cast<Element<V>>(0.5));
    const auto even = square * polynomial<V>(C::softplus_even, square);
    const Pair<V> near = sum<V>(constant<V>(C::ln2), {half * v.high, V::fma(half, v.low, even)});
    const auto near_or = [&](auto at_0, auto elsewhere) FORWARDPASS_UNROLLED {
        return V::select_at_least(V::broadcast(static_cast<Element<V>>(0.25)), V::magnitude(v.high), at_0, elsewhere);
    };
    const Pair<V> result{near_or(near.high, choose(above.high, log.high)),
                         near_or(near.low, choose(above.low, log.low))};
    const Pair<V> y = quotient<V>(result, {V::broadcast(f.part), zero});
    // As scale(), but for exponents above 0 as well, and those that are too low for any result.
    const auto smallest = V::broadcast(Format::smallest_scale);
    const auto exponent = V::max(smallest + smallest, choose(zero, e.n) - V::broadcast(f.exponent));
    const auto first = smaller<V>(-smallest, V::max(smallest, exponent));
    const auto scaled = (y.high + y.low) * power_of_two<V>(first) * power_of_two<V>(exponent - first);
    return V::select_at_least(linear_from, whole, scaled, x);
}

}  // namespace
}  // namespace forwardpass
