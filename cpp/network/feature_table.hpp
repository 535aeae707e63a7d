// Values for each feature, of a layer that has no weights to sum: normalisation, scaling, limits. Such a layer computes
// in its neighbours' dtype, and one table serves both.
#pragma once

#include <memory>

#include "kernels/contract.hpp"
#include "kernels/layout/panel.hpp"
#include "machine/aligned_buffer.hpp"

namespace forwardpass {

// `width` values each; high + low is the value.
struct ColumnValues {
    struct Parts {
        const double *high, *low;
    };
    Parts center, scale, offset;
    const double *lowest, *highest;
};

// numerator / denominator of each column in two parts, or numerator / sqrt(denominator + eps): within 2^-102 of it, and
// as near as two doubles can be where they are subnormal. Denominators and eps are not negative, and not both 0.
void quotients(const double* numerator, const double* denominator, Index count, double* high, double* low) noexcept;
void quotients_by_root(const double* numerator, const double* denominator, double eps, Index count, double* high,
                       double* low) noexcept;

class Columns {
public:
    // Throws std::bad_alloc or std::length_error.
    Columns(Index width, const ColumnValues& values);

    // New values for as many columns.
    void assign(const ColumnValues& values) noexcept;

    Index width() const noexcept { return width_; }
    Index bytes() const noexcept;

    // table_rows rows (kernels/contract.hpp), stride() apart.
    const double* table() const noexcept { return table_.data(); }
    Index stride() const noexcept { return padded<double>(width_); }
    // Whether the scale of some column has a power of two apart.
    bool powers() const noexcept { return powers_; }

private:
    Index width_;
    AlignedBuffer<double> table_;
    bool powers_ = false;
};

}  // namespace forwardpass
