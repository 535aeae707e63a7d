// Makes the functions of one table from a vector type.
#pragma once

#include "kernels/ceilings.hpp"
#include "kernels/functions/activations.hpp"
#include "kernels/functions/elementwise.hpp"
#include "kernels/functions/row_functions.hpp"
#include "kernels/layout/convert.hpp"
#include "kernels/layout/pack.hpp"
#include "kernels/linear/choose.hpp"

namespace forwardpass {
namespace {

template <class V>
constexpr Kernels<Element<V>> make_kernels() noexcept {
    return {packed_linear<V>,
            scratch_per_row<V>,
            unpacked_linear<V>,
            packed_elements<V>,
            pack<V>,
            unpack<V>,
            activate<V>,
            add<V>,
            rows<V>,
            convert<Element<V>>,
            fma_burst<V>,
            read_sum<V>,
            2 * burst_chains * V::lanes,
            V::lanes,
            panel_outputs<V>};
}

}  // namespace
}  // namespace forwardpass
