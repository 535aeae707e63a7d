// The numbers for each feature of a layer that sums no products: normalisation, scaling, limits. Such a layer computes
// in its neighbours' dtype, and one table serves both dtypes.
#pragma once

#include <memory>

#include "kernels/contract.hpp"
#include "machine/aligned_buffer.hpp"

namespace forwardpass {

// Each pointer has `width` values. A value with parts is high + low.
struct FeatureValues {
    struct Parts {
        const double *high, *low;
    };
    Parts center, scale, offset;
    const double *lowest, *highest;
};

class FeatureTable {
public:
    // Throws std::bad_alloc or std::length_error.
    FeatureTable(Index width, const FeatureValues& values);

    // New values for as many features.
    void assign(const FeatureValues& values) noexcept;

    Index width() const noexcept { return width_; }
    Index bytes() const noexcept;

    // table_rows rows (kernels/contract.hpp), stride() apart.
    const double* data() const noexcept { return table_.data(); }
    Index stride() const noexcept { return padded<double>(width_); }
    // Whether some feature's scale is multiplied by a power of two (power_row).
    bool powers() const noexcept { return powers_; }

private:
    Index width_;
    AlignedBuffer<double> table_;
    bool powers_ = false;
};

}  // namespace forwardpass
