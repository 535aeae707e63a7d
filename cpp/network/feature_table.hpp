// Values for each feature, of a layer that has no weights to sum: normalisation, scaling, limits. Such a layer computes
// in its neighbours' dtype, and one table serves both.
#pragma once

#include <memory>

#include "kernels/contract.hpp"
#include "machine/aligned_buffer.hpp"

namespace forwardpass {

// `width` values each; high + low is the value.
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
    // Whether the scale of some feature has a power of two apart.
    bool powers() const noexcept { return powers_; }

private:
    Index width_;
    AlignedBuffer<double> table_;
    bool powers_ = false;
};

}  // namespace forwardpass
