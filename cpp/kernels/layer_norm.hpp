// LayerNorm, right to the last place wherever the row lies and whatever its size.
#pragma once

#include "rows.hpp"

namespace forwardpass {
namespace {

// The mean is center + rest. No element is nearer to the mean than `center`, the nearest number there is, so that
// |rest| is at most the deviation: a mean that is large beside the deviation loses nothing.
template <class T>
struct Moments {
    T center;
    Pair<Scalar<T>> rest, variance;
    T squares;  // their sum, for its range
};

// By sums of d = x - origin, which is exact in a pair, and of d^2. The further the origin is from the mean, the more of
// their digits cancel: (origin - mean)^2 / variance times as many errors.
template <class V>
Moments<Element<V>> moments_from(Element<V> origin, const Element<V>* x, Index count) noexcept {
    using T = Element<V>;
    using S = Scalar<T>;
    const auto sums = sum_over<V, 2>(x, count, [origin](auto value, Index) FORWARDPASS_UNROLLED {
        const Pair<V> d = two_sum<V>(value, V::broadcast(-origin));
        return RowSums<V, 2>{{d, product<V>(d, d)}};
    });
    const T rounded = static_cast<T>(count);
    const Pair<S> n{rounded, static_cast<T>(count - static_cast<Index>(rounded))};
    const Pair<S> shift = quotient<S>(sums.of[0], n), square = product<S>(shift, shift);
    const Pair<S> high = two_sum<S>(origin, shift.high), low = two_sum<S>(high.low, shift.low);
    const Pair<S> mean = two_sum<S>(high.high, low.high);
    return {mean.high, two_sum<S>(mean.low, low.low), sum<S>(quotient<S>(sums.of[1], n), {-square.high, -square.low}),
            sums.of[1].high};
}

// The first element is an origin within sqrt(n) deviations of the mean, mostly within 4; otherwise the center is one.
template <class V>
Moments<Element<V>> moments(const Element<V>* x, Index count) noexcept {
    const auto found = moments_from<V>(x[0], x, count);
    const auto away = x[0] - found.center;
    return away * away > 16 * found.variance.high ? moments_from<V>(found.center, x, count) : found;
}

// 1 / sqrt(x).
template <class S>
Pair<S> reciprocal_root(const Pair<S>& x) noexcept {
    Pair<S> root{S::sqrt(x.high), 0};
    root.low = (S::fma(-root.high, root.high, x.high) + x.low) / (root.high + root.high);
    return quotient<S>({1, 0}, root);
}

// Of the normal numbers' powers of two.
template <class T>
constexpr int smallest_exponent = sizeof(T) == 4 ? -126 : -1022;

// 2^-halvings as a product, as one number may be too small for it.
template <class T>
struct Halvings {
    T first = 1, second = 1, last = 1;

    Halvings() = default;
    explicit Halvings(int halvings) noexcept {
        const int some = halvings < -smallest_exponent<T> ? halvings : -smallest_exponent<T>;
        const int half = (halvings - some) / 2;
        first = static_cast<T>(__builtin_ldexp(1, -some));
        second = static_cast<T>(__builtin_ldexp(1, -half));
        last = static_cast<T>(__builtin_ldexp(1, some + half - halvings));
    }
};

// ((x - mean) root) weight, halved so often, + bias.
template <class V, bool halved>
void normalise(const RowTask<Element<V>>& a, const Moments<Element<V>>& m, const Pair<Scalar<Element<V>>>& root,
               const Halvings<Element<V>>& halvings = {}) noexcept {
    each_column<V>(a, [&](auto x, Index i) FORWARDPASS_UNROLLED {
        const Pair<V> high = two_sum<V>(x, V::broadcast(-m.center));
        // Normalised, as product() drops low times low. Where the high part is 0, the rest is all there is.
        Pair<V> d = fast_two_sum<V>(high.high, high.low - V::broadcast(m.rest.high));
        d.low = d.low - V::broadcast(m.rest.low);
        const Pair<V> weight = column<V>(a, scale_row, i), bias = column<V>(a, offset_row, i);
        Powers<V, halved> powers(a, i);
        if constexpr (halved) powers.multiply(V::broadcast(halvings.first));
        Pair<V> weighted = powers.times(product<V>(d, broadcast<V>(root)), weight);
        if constexpr (halved) {
            const auto second = V::broadcast(halvings.second), last = V::broadcast(halvings.last);
            weighted = {weighted.high * second * last, weighted.low * second * last};
        }
        const Pair<V> y = sum<V>(weighted, bias);
        return finite_or<V>(y.high + y.low, weighted.high + bias.high);
    });
}

// Where squares or eps may leave the range of the type. A power of two brings the row near 1, and eps with it: exact,
// but for what is too small to count. Weights may leave it as well: their powers of two. Where eps is too large
// for that, the result is scaled down instead: `halvings`.
template <class V>
__attribute__((noinline)) void scaled_layer_norm(const RowTask<Element<V>>& a) noexcept {
    using T = Element<V>;
    using S = Scalar<T>;
    constexpr int most = -smallest_exponent<T>;  // that of a normal number as well
    T largest = 0;
    for (Index i = 0; i < a.count; ++i) {
        const T size = S::magnitude(a.x[i]);
        largest = size > largest ? size : largest;
    }
    int exponent = 0, eps_exponent = 0;
    __builtin_frexp(largest, &exponent);
    const int up = exponent > most ? -most : exponent < -most ? most : -exponent;
    const auto power = V::broadcast(static_cast<T>(__builtin_ldexp(1, up)));
    each_column<V>(a, [&](auto x, Index) FORWARDPASS_UNROLLED { return x * power; });
    RowTask<T> near = a;
    near.x = a.y;
    const Moments<T> m = moments<V>(near.x, near.count);

    // eps = part 4^half: beside the scaled variance it is part 4^apart.
    __builtin_frexp(a.eps, &eps_exponent);
    const int half = (eps_exponent - (eps_exponent & 1)) / 2, apart = a.eps > 0 ? half + up : 0;
    const double part = __builtin_ldexp(a.eps, -2 * half);
    const T rounded = static_cast<T>(part);
    Pair<S> variance = m.variance, eps{rounded, static_cast<T>(part - rounded)};
    // The smaller one is scaled down. It stays above 0 where it is too small to count: 0 / 0 is for an eps of 0 alone.
    const int down = -2 * (apart < 0 ? -apart : apart);
    const T smaller = static_cast<T>(__builtin_ldexp(1, down > -most ? down : -most));
    Pair<S>& other = apart > 0 ? variance : eps;
    other = {other.high * smaller, other.low * smaller};
    normalise<V, true>(near, m, reciprocal_root<S>(sum<S>(variance, eps)), Halvings<T>(apart > 0 ? apart : 0));
}

template <class V>
void layer_norm(const RowTask<Element<V>>& a) noexcept {
    using T = Element<V>;
    using S = Scalar<T>;
    // What is left of the smallest products in these limits is still normal, twice over.
    constexpr T usual = sizeof(T) == 4 ? static_cast<T>(0x1p80) : static_cast<T>(0x1p400);
    const Moments<T> m = moments<V>(a.x, a.count);
    const T eps = static_cast<T>(a.eps);
    const Pair<S> variance = sum<S>(m.variance, {eps, static_cast<T>(a.eps - eps)});
    if (m.squares >= 1 / usual && variance.high <= usual && !a.powers)
        normalise<V, false>(a, m, reciprocal_root<S>(variance));
    else scaled_layer_norm<V>(a);
}

}  // namespace
}  // namespace forwardpass
