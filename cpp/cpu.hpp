// What the plan has to know of this CPU.
#pragma once

#include "kernels/contract.hpp"

namespace forwardpass {

// Weights of a layer, x and y up to this size are in a cache: 4 MB lose by being fetched as from memory, 16 MB gain.
constexpr Index cached_bytes = Index{8} << 20;

// Bytes of L2, or a common size where the system does not say.
Index l2_bytes();

// How far ahead of weights from memory others are fetched for few rows, or 0 for not at all.
Index fetch_distance_bytes();

}  // namespace forwardpass
