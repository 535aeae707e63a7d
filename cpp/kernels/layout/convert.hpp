// Converts rows of another type, byte order or layout to the rows that the other kernels read. It rounds each number
// once, to nearest, as NumPy's casts do.
#pragma once

#include "kernels/contract.hpp"
#include "kernels/unrolled.hpp"

namespace forwardpass {
namespace {

// C++ has no type for these two: a half, and a truth value that may be any byte.
struct Half {
    std::uint16_t bits;
};
struct Boolean {
    std::uint8_t byte;
};

// An element wherever it lies, aligned or not.
template <class From, bool swapped>
FORWARDPASS_INLINE From element_at(const char* at) noexcept {
    From value;
    if constexpr (swapped) {
        char bytes[sizeof(From)];
        for (std::size_t i = 0; i < sizeof(From); ++i) bytes[i] = at[sizeof(From) - 1 - i];
        __builtin_memcpy(&value, bytes, sizeof(From));
    } else {
        __builtin_memcpy(&value, at, sizeof(From));
    }
    return value;
}

template <class T, class From>
FORWARDPASS_INLINE T converted(From value) noexcept {
    return static_cast<T>(value);
}
template <class T>
FORWARDPASS_INLINE T converted(Boolean value) noexcept {
    return value.byte != 0 ? 1 : 0;
}
// The exponent of a half counts from -15 and that of a float from -127. Multiplying by 2^112 converts one to the other,
// also for subnormal halves.
template <class T>
FORWARDPASS_INLINE T converted(Half half) noexcept {
    const std::uint32_t sign = static_cast<std::uint32_t>(half.bits & 0x8000u) << 16;
    const std::uint32_t rest = static_cast<std::uint32_t>(half.bits & 0x7fffu) << 13;
    float value;
    __builtin_memcpy(&value, &rest, sizeof value);
    value *= 0x1p112f;
    std::uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    if (rest >= 0x7c00u << 13) bits = rest | 0x7f800000u;  // infinities and NaN
    bits |= sign;
    __builtin_memcpy(&value, &bits, sizeof value);
    return static_cast<T>(value);
}

// So many rows in Fortran order are converted together. L1 holds both the originals and the converted ones [log 16].
constexpr Index rows_of_columns = 32;

// The inner loop runs along the shorter stride, so that memory in Fortran order too is read from front to back.
template <class From, bool swapped, class T>
void convert_from(const Source& source, Index rows, Index width, T* to, Index to_stride) noexcept {
    const auto run = [](const char* from, Index step, Index count, T* at, Index at_step) FORWARDPASS_UNROLLED {
        if (step == static_cast<Index>(sizeof(From)) && at_step == 1) {
            for (Index i = 0; i < count; ++i)
                at[i] = converted<T>(element_at<From, swapped>(from + i * static_cast<Index>(sizeof(From))));
            return;
        }
        for (Index i = 0; i < count; ++i) at[i * at_step] = converted<T>(element_at<From, swapped>(from + i * step));
    };
    const Index row = source.row_stride, column = source.column_stride;
    if ((row < 0 ? -row : row) >= (column < 0 ? -column : column)) {
        for (Index r = 0; r < rows; ++r) run(source.at + r * row, column, width, to + r * to_stride, 1);
        return;
    }
    for (Index r = 0; r < rows; r += rows_of_columns)
        for (Index k = 0; k < width; ++k) {
            const char* const from = source.at + r * row + k * column;
            // The loop leaves a column after few lines, so no hardware prefetcher fetches the column's next lines.
            for (Index line = 0; line < rows_of_columns * row; line += 64)
                __builtin_prefetch(from + rows_of_columns * row + line);
            run(from, row, rows - r < rows_of_columns ? rows - r : rows_of_columns, to + r * to_stride + k, to_stride);
        }
}

template <class From, class T>
void convert_either(const Source& source, Index rows, Index width, T* to, Index to_stride) noexcept {
    if (sizeof(From) > 1 && source.swapped) convert_from<From, (sizeof(From) > 1)>(source, rows, width, to, to_stride);
    else convert_from<From, false>(source, rows, width, to, to_stride);
}

template <class T>
void convert(const Source& source, Index rows, Index width, T* to, Index to_stride) noexcept {
    switch (source.type) {
        case Number::boolean: return convert_either<Boolean>(source, rows, width, to, to_stride);
        case Number::int8: return convert_either<std::int8_t>(source, rows, width, to, to_stride);
        case Number::uint8: return convert_either<std::uint8_t>(source, rows, width, to, to_stride);
        case Number::int16: return convert_either<std::int16_t>(source, rows, width, to, to_stride);
        case Number::uint16: return convert_either<std::uint16_t>(source, rows, width, to, to_stride);
        case Number::int32: return convert_either<std::int32_t>(source, rows, width, to, to_stride);
        case Number::uint32: return convert_either<std::uint32_t>(source, rows, width, to, to_stride);
        case Number::int64: return convert_either<std::int64_t>(source, rows, width, to, to_stride);
        case Number::uint64: return convert_either<std::uint64_t>(source, rows, width, to, to_stride);
        case Number::float16: return convert_either<Half>(source, rows, width, to, to_stride);
        case Number::float32: return convert_either<float>(source, rows, width, to, to_stride);
        case Number::float64: return convert_either<double>(source, rows, width, to, to_stride);
    }
}

}  // namespace
}  // namespace forwardpass
