#include "network/feature_table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "kernels/functions/pair_layer_norm.hpp"
#include "machine/float_environment.hpp"

namespace forwardpass {
namespace {

// The exponent of a power of two that leaves the scale both of its parts, or 0 where it has them already.
int exponent_apart(double scale) noexcept {
    using Limits = std::numeric_limits<double>;
    constexpr int roomy = Limits::max_exponent - 2 * Limits::digits;
    int exponent = 0;
    if (scale != 0 && std::isfinite(scale)) std::frexp(scale, &exponent);
    return std::abs(exponent) <= roomy
               ? 0
               : std::clamp(exponent, Limits::min_exponent - Limits::digits, Limits::max_exponent - 2);
}

using S = Scalar<double>;

// A pair times a power of two, where the product may be subnormal, or too large.
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
    const StandardFloatEnvironment environment;
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
    const StandardFloatEnvironment environment;
    for (Index i = 0; i < count; ++i) {
        // Both terms times the same even power of two, so that their sum is near 1.
        int exponent = 0;
        std::frexp(std::max(denominator[i], eps), &exponent);
        exponent += exponent & 1;
        const Pair<S> sum = two_sum<S>(std::ldexp(denominator[i], -exponent), std::ldexp(eps, -exponent));
        const Pair<S> reciprocal = std::isinf(sum.high) ? Pair<S>{0, 0} : reciprocal_root<S>(sum);
        const Pair<S> y = product_with(numerator[i], reciprocal, -exponent / 2);
        high[i] = y.high, low[i] = y.low;
    }
}

Columns::Columns(Index width, const ColumnValues& values)
    : width_(width), table_(checked_product(table_rows, padded<double>(width))) {
    assign(values);
}

void Columns::assign(const ColumnValues& values) noexcept {
    const StandardFloatEnvironment environment;  // or the caller's rounding mode would choose the bits
    double* const table = table_.data();
    std::fill_n(table, table_rows * stride(), 0.0);  // the padding is read with the last columns
    powers_ = false;
    for (Index i = 0; i < width_; ++i) {
        const auto put = [&](Index row, double value) { table[row * stride() + i] = value; };
        put(center_row, values.center.high[i]), put(center_row + 1, values.center.low[i]);
        put(offset_row, values.offset.high[i]), put(offset_row + 1, values.offset.low[i]);
        const int apart = exponent_apart(values.scale.high[i]);
        put(scale_row, std::ldexp(values.scale.high[i], -apart));
        put(scale_row + 1, std::ldexp(values.scale.low[i], -apart));
        put(power_row, std::ldexp(1, apart));
        powers_ |= apart != 0;
        put(rounded_scale_row, values.scale.high[i]);
        put(lowest_row, values.lowest[i]), put(highest_row, values.highest[i]);
    }
}

Index Columns::bytes() const noexcept { return table_rows * stride() * static_cast<Index>(sizeof(double)); }

}  // namespace forwardpass
