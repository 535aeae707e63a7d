// LayerNorm of doubles, in pairs. It works as in layer_norm.hpp, and numbers of any size are allowed.
#pragma once

#include "kernels/functions/row_pairs.hpp"

namespace forwardpass {
namespace {

// Whether the mean of a row is subtracted. If not, it counts as 0.
enum class Centred { no, yes };

// The mean is center + rest, and `center` is the double nearest to the mean. No element is nearer to it, so |rest| is
// at most the deviation. So a mean that is large beside the deviation loses nothing.
struct PairMoments {
    using S = Scalar<double>;
    double center;
    Pair<S> rest, variance;
    double squares;  // the sum of the squares, to check its range
};

// d is exact in a pair.
template <class W>
PairMoments moments_from(double origin, const double* x, Index count) noexcept {
    using S = Scalar<double>;
    const auto sums = sum_over<W, 2>(x, count, origin, [origin](auto values, auto) FORWARDPASS_UNROLLED {
        constexpr int k = values.count;
        RowSums<W, double, 2, k> terms;
        unrolled<k>([&](auto v) FORWARDPASS_UNROLLED {
            const Pair<W> d = two_sum<W>(values.of[v], W::broadcast(-origin));
            terms.of[0].of[v] = d, terms.of[1].of[v] = product<W>(d, d);
        });
        return terms;
    });
    // Where the lanes cancel, the low part may be the larger one.
    const Pair<S> sum_of_d = two_sum<S>(sums.of[0].high, sums.of[0].low), n{static_cast<double>(count), 0};
    const Pair<S> shift = quotient<S>(sum_of_d, n), square = product<S>(shift, shift);
    const Pair<S> high = two_sum<S>(origin, shift.high), low = two_sum<S>(high.low, shift.low);
    const Pair<S> mean = two_sum<S>(high.high, low.high);
    return {mean.high, two_sum<S>(mean.low, low.low), sum<S>(quotient<S>(sums.of[1], n), {-square.high, -square.low}),
            sums.of[1].high};
}

template <class W>
PairMoments moments_from_zero(const double* x, Index count) noexcept {
    using S = Scalar<double>;
    const auto sums = sum_over<W, 1>(x, count, 0, [](auto values, auto) FORWARDPASS_UNROLLED {
        constexpr int k = values.count;
        RowSums<W, double, 1, k> terms;
        unrolled<k>([&](auto v)
                        FORWARDPASS_UNROLLED { terms.of[0].of[v] = two_product<W>(values.of[v], values.of[v]); });
        return terms;
    });
    return {0, {0, 0}, quotient<S>(sums.of[0], {static_cast<double>(count), 0}), sums.of[0].high};
}

// The first element as the origin; where that is too far from the mean, the center.
template <class W, Centred centred>
PairMoments moments(const double* x, Index count) noexcept {
    if constexpr (centred == Centred::no) return moments_from_zero<W>(x, count);
    const PairMoments found = moments_from<W>(x[0], x, count);
    const double away = x[0] - found.center;
    return away * away > 16 * found.variance.high ? moments_from<W>(found.center, x, count) : found;
}

// 1 / sqrt(x).
template <class S>
Pair<S> reciprocal_root(const Pair<S>& x) noexcept {
    Pair<S> root{S::sqrt(x.high), 0};
    root.low = (S::fma(-root.high, root.high, x.high) + x.low) / (root.high + root.high);
    return quotient<S>({1, 0}, root);
}

// The least exponent of a power of two that is a normal number.
constexpr int smallest_exponent = -1022;

// 2^-halvings as a product of three numbers, because it may be too small for one.
struct Halvings {
    double first = 1, second = 1, last = 1;

    Halvings() = default;
    explicit Halvings(int halvings) noexcept {
        const int some = halvings < -smallest_exponent ? halvings : -smallest_exponent;
        const int half = (halvings - some) / 2;
        first = __builtin_ldexp(1, -some);
        second = __builtin_ldexp(1, -half);
        last = __builtin_ldexp(1, some + half - halvings);
    }
};

// ((x - mean) root) weight, halved so often, + bias.
template <class W, bool halved>
void normalise(const RowTask& task, const Row<double>& row, const PairMoments& m, const Pair<Scalar<double>>& root,
               const Halvings& halvings = {}) noexcept {
    const PairValues weights(task, scale_row), biases(task, offset_row);
    const double* const power = values_of(task, power_row);
    each_column<W>(row, [&](auto x, auto place) FORWARDPASS_UNROLLED {
        const Pair<W> high = two_sum<W>(x, W::broadcast(-m.center));
        // Normalised, as product() drops low times low. Where the high part is 0, the rest is all there is.
        Pair<W> d = fast_two_sum<W>(high.high, high.low - W::broadcast(m.rest.high));
        d.low = d.low - W::broadcast(m.rest.low);
        const Pair<W> weight = weights.template at<W>(place.at), bias = biases.template at<W>(place.at);
        Powers<W, halved> powers(power + place.at);
        if constexpr (halved) powers.multiply(W::broadcast(halvings.first));
        Pair<W> weighted = powers.times(product<W>(d, broadcast<W>(root)), weight);
        if constexpr (halved) {
            const auto second = W::broadcast(halvings.second), last = W::broadcast(halvings.last);
            weighted = {weighted.high * second * last, weighted.low * second * last};
        }
        const Pair<W> y = sum<W>(weighted, bias);
        return finite_or<W>(y.high + y.low, weighted.high + bias.high);
    });
}

// For rows whose squares, or whose eps, may leave the range of the type. A power of two scales the row near 1, and eps
// with it, which is exact except for numbers that are too small to count. Weights beyond the range have powers of two
// of their own. Where eps is too large to be scaled, the result is scaled down instead (`halvings`).
template <class W, Centred centred>
__attribute__((noinline)) void scaled_layer_norm(const RowTask& task, const Row<double>& row) noexcept {
    using S = Scalar<double>;
    constexpr int most = -smallest_exponent;  // a normal number's exponent as well
    double largest = 0;
    for (Index i = 0; i < row.count; ++i) {
        const double size = S::magnitude(row.x[i]);
        largest = size > largest ? size : largest;
    }
    int exponent = 0, eps_exponent = 0;
    __builtin_frexp(largest, &exponent);
    const int up = exponent > most ? -most : exponent < -most ? most : -exponent;
    const auto power = W::broadcast(__builtin_ldexp(1, up));
    each_column<W>(row, [&](auto x, auto) FORWARDPASS_UNROLLED { return x * power; });
    const Row<double> near{row.y, row.y, row.count};
    const PairMoments m = moments<W, centred>(near.x, near.count);

    // eps = part 4^half: beside the scaled variance it is part 4^apart.
    __builtin_frexp(task.eps, &eps_exponent);
    const int half = (eps_exponent - (eps_exponent & 1)) / 2, apart = task.eps > 0 ? half + up : 0;
    Pair<S> variance = m.variance, eps{__builtin_ldexp(task.eps, -2 * half), 0};
    // The smaller of the two is scaled down. Too small to count, it still stays above 0: only an eps of 0 may give 0 /
    // 0.
    const int down = -2 * (apart < 0 ? -apart : apart);
    const double smaller = __builtin_ldexp(1, down > -most ? down : -most);
    Pair<S>& other = apart > 0 ? variance : eps;
    other = {other.high * smaller, other.low * smaller};
    normalise<W, true>(task, near, m, reciprocal_root<S>(sum<S>(variance, eps)), Halvings(apart > 0 ? apart : 0));
}

template <class W, Centred centred>
void layer_norm(const RowTask& task, const Row<double>& row) noexcept {
    using S = Scalar<double>;
    // Inside these limits the errors of the smallest products are normal numbers, and so are the errors' own errors.
    constexpr double usual = 0x1p400;
    const PairMoments m = moments<W, centred>(row.x, row.count);
    const Pair<S> variance = sum<S>(m.variance, {task.eps, 0});
    if (m.squares >= 1 / usual && variance.high <= usual && !task.powers)
        normalise<W, false>(task, row, m, reciprocal_root<S>(variance));
    else scaled_layer_norm<W, centred>(task, row);
}

}  // namespace
}  // namespace forwardpass
