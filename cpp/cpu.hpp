// What the plan has to know of this CPU.
#pragma once

#include "kernels/contract.hpp"

namespace forwardpass {

// Weights of a layer, x and y up to this size are in a cache: 4 MB lose by being fetched as from memory, 16 MB gain.
constexpr Index cached_bytes = Index{8} << 20;

// Bytes of L2, or a common size where the system does not say.
Index l2_bytes();

// Whether one output's blocks are better in the lanes than a batch's rows, where registers are as wide as a cache line
// (PackedLinear::blocks_in_lanes). Both read the same x: blocks a row's 2 KB at a time, fetched by instructions; rows
// 32 bytes of each, which the prefetchers foresee. AMD's Zen 5 turns whole registers at once and wants the first: 8
// rows of 10000 x 1 take 2.8 us, not 3.8; 1024, from memory, 1.1 ms, not 2.3. Zen 4 the second: 4.5 us and 1.2 ms, not
// 5.6 and 2.2. Others have not been measured, and are taken for the second.
bool turns_blocks();

}  // namespace forwardpass
