#include "columns.hpp"

#include <algorithm>

#include "float_environment.hpp"

namespace forwardpass {
namespace {

template <class T>
void fill(T* table, Index stride, Index width, const ColumnValues& values) noexcept {
    std::fill_n(table, column_rows * stride, T{0});  // the padding is read with the last columns
    const auto parts = [&](ColumnRow row, const ColumnValues::Parts& from) {
        for (Index i = 0; i < width; ++i) {
            const T high = static_cast<T>(from.high[i]);
            table[row * stride + i] = high;
            // Where float has no room for the first part there is nothing left to add.
            const bool finite = high - high == 0;
            table[(row + 1) * stride + i] = finite ? static_cast<T>((from.high[i] - high) + from.low[i]) : T{0};
        }
    };
    parts(center_row, values.center);
    parts(scale_row, values.scale);
    parts(offset_row, values.offset);
    for (Index i = 0; i < width; ++i) {
        table[lowest_row * stride + i] = static_cast<T>(values.lowest[i]);
        table[highest_row * stride + i] = static_cast<T>(values.highest[i]);
    }
}

}  // namespace

Columns::Columns(Index width, const ColumnValues& values)
    : width_(width),
      f32_(checked_product(column_rows, padded<float>(width))),
      f64_(checked_product(column_rows, padded<double>(width))) {
    assign(values);
}

void Columns::assign(const ColumnValues& values) noexcept {
    const StandardFloatEnvironment environment;  // or the caller's rounding mode would choose the bits
    fill(f32_.data(), stride<float>(), width_, values);
    fill(f64_.data(), stride<double>(), width_, values);
}

Index Columns::bytes() const noexcept {
    return column_rows * (stride<float>() * static_cast<Index>(sizeof(float)) +
                          stride<double>() * static_cast<Index>(sizeof(double)));
}

}  // namespace forwardpass
