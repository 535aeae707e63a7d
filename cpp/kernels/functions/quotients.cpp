// The quotients that a table of features multiplies by instead of dividing. A layer computes them once, on any CPU, in
// pairs of doubles.
#include <algorithm>
#include <cmath>

#include "kernels/contract.hpp"
#include "kernels/functions/pair_layer_norm.hpp"

namespace forwardpass {
namespace {

using S = Scalar<double>;

// A pair times a power of two. The product may be subnormal, or too large.
Pair<S> scaled(const Pair<S>& value, int exponent) noexcept {
    const double high = std::ldexp(value.high, exponent);
    if (!std::isfinite(high)) return {high, 0};
    return {high, std::ldexp(value.high - std::ldexp(high, -exponent) + value.low, exponent)};
}

// numerator (reciprocal 2^exponent), with the infinities and NaNs of the numerator.
Pair<S> product_with(double numerator, const Pair<S>& reciprocal, int exponent) noexcept {
    if (!std::isfinite(numerator)) return {numerator * reciprocal.high, 0};
    int own = 0;
    const Pair<S> y = product<S>(std::frexp(numerator, &own), reciprocal);
    return scaled(fast_two_sum<S>(y.high, y.low), own + exponent);
}

}  // namespace

void quotients(const double* numerator, const double* denominator, Index count, double* high, double* low) noexcept {
    for (Index i = 0; i < count; ++i) {
        int exponent = 0;
        const double divisor = std::frexp(denominator[i], &exponent);
        const Pair<S> reciprocal = std::isinf(divisor) ? Pair<S>{0, 0} : quotient<S>({1, 0}, {divisor, 0});
        const Pair<S> y = product_with(numerator[i], reciprocal, -exponent);
        high[i] = y.high, low[i] = y.low;
    }
}

void quotients_by_root(const double* numerator, const double* denominator, double eps, Index count, double* high,
                       double* low) noexcept {
    for (Index i = 0; i < count; ++i) {
        // Multiplies both terms by the same even power of two, so that their sum is near 1.
        int exponent = 0;
        std::frexp(std::max(denominator[i], eps), &exponent);
        exponent += exponent & 1;
        const Pair<S> sum = two_sum<S>(std::ldexp(denominator[i], -exponent), std::ldexp(eps, -exponent));
        const Pair<S> reciprocal = std::isinf(sum.high) ? Pair<S>{0, 0} : reciprocal_root<S>(sum);
        const Pair<S> y = product_with(numerator[i], reciprocal, -exponent / 2);
        high[i] = y.high, low[i] = y.low;
    }
}

}  // namespace forwardpass
