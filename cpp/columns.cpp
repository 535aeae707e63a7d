#include "columns.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "float_environment.hpp"
#include "kernels/layer_norm.hpp"

namespace forwardpass {
namespace {

// The exponent of a power of two that leaves the scale both of its parts, or 0 where it has them already.
template <class T>
int exponent_apart(double scale) noexcept {
    using Limits = std::numeric_limits<T>;
    constexpr int roomy = Limits::max_exponent - 2 * Limits::digits;
    int exponent = 0;
    if (scale != 0 && std::isfinite(scale)) std::frexp(scale, &exponent);
    return std::abs(exponent) <= roomy
               ? 0
               : std::clamp(exponent, Limits::min_exponent - Limits::digits, Limits::max_exponent - 2);
}

// Whether there are powers of two apart.
template <class T>
bool fill(T* table, Index stride, Index width, const ColumnValues& values) noexcept {
    std::fill_n(table, table_rows * stride, T{0});  // the padding is read with the last columns
    const auto put = [&](ColumnRow row, Index i, double first, double second) {
        const T high = static_cast<T>(first);
        table[row * stride + i] = high;
        // Where float has no room for the first part there is nothing left to add.
        const bool finite = high - high == 0;
        table[(row + 1) * stride + i] = finite ? static_cast<T>((first - high) + second) : T{0};
    };
    bool powers = false;
    for (Index i = 0; i < width; ++i) {
        put(center_row, i, values.center.high[i], values.center.low[i]);
        put(offset_row, i, values.offset.high[i], values.offset.low[i]);
        const int apart = exponent_apart<T>(values.scale.high[i]);
        // A scale of 2^254 and more is too large for float even so. It stays a number, as 0 times it is 0; the bound
        // is infinite then (bound.py).
        const double scale = std::ldexp(values.scale.high[i], -apart), most = std::numeric_limits<T>::max();
        const bool fits = apart == 0 || std::abs(scale) <= most;
        put(scale_row, i, fits ? scale : std::copysign(most, scale),
            fits ? std::ldexp(values.scale.low[i], -apart) : 0);
        table[power_row * stride + i] = static_cast<T>(std::ldexp(1, apart));
        powers |= apart != 0;
        table[lowest_row * stride + i] = static_cast<T>(values.lowest[i]);
        table[highest_row * stride + i] = static_cast<T>(values.highest[i]);
    }
    return powers;
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
    : width_(width),
      f32_(checked_product(table_rows, padded<float>(width))),
      f64_(checked_product(table_rows, padded<double>(width))) {
    assign(values);
}

void Columns::assign(const ColumnValues& values) noexcept {
    const StandardFloatEnvironment environment;  // or the caller's rounding mode would choose the bits
    f32_powers_ = fill(f32_.data(), stride<float>(), width_, values);
    f64_powers_ = fill(f64_.data(), stride<double>(), width_, values);
}

Index Columns::bytes() const noexcept {
    return table_rows * (stride<float>() * static_cast<Index>(sizeof(float)) +
                         stride<double>() * static_cast<Index>(sizeof(double)));
}

}  // namespace forwardpass
