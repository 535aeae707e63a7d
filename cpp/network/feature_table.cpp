#include "network/feature_table.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>

#include "machine/float_environment.hpp"

namespace forwardpass {
namespace {

// The exponent of a power of two to take out of the scale, so that both its parts are normal doubles. 0 where they are.
int exponent_apart(double scale) noexcept {
    using Limits = std::numeric_limits<double>;
    constexpr int roomy = Limits::max_exponent - 2 * Limits::digits;
    int exponent = 0;
    if (scale != 0 && std::isfinite(scale)) std::frexp(scale, &exponent);
    return std::abs(exponent) <= roomy
               ? 0
               : std::clamp(exponent, Limits::min_exponent - Limits::digits, Limits::max_exponent - 2);
}

}  // namespace

FeatureTable::FeatureTable(Index width, const FeatureValues& values)
    : width_(width), table_(checked_product(table_rows, padded<double>(width))) {
    assign(values);
}

void FeatureTable::assign(const FeatureValues& values) noexcept {
    const StandardFloatEnvironment environment;  // or the caller's rounding mode would choose the bits
    double* const table = table_.data();
    std::fill_n(table, table_rows * stride(), 0.0);  // the padding is read with the last features
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

Index FeatureTable::bytes() const noexcept { return table_rows * stride() * static_cast<Index>(sizeof(double)); }

}  // namespace forwardpass
