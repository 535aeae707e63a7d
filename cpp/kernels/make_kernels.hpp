// From a vector type to the functions of one table.
#pragma once

#include "activations.hpp"
#include "ceilings.hpp"
#include "elementwise.hpp"
#include "pack.hpp"
#include "packed_linear.hpp"
#include "row_functions.hpp"
#include "unpacked_row.hpp"

namespace forwardpass {
namespace {

template <class V>
constexpr Kernels<typename V::Element> make_kernels() noexcept {
    return {packed_linear<V>, unpacked_row<V>, pack_panel<V>,
            activate<V>,      add<V>,          row<V>,
            fma_burst<V>,     read_sum<V>,     2 * burst_chains * V::lanes,
            V::lanes};
}

}  // namespace
}  // namespace forwardpass
