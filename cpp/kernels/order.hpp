// `fma-v1`: the order of every sum, a function of the depth K alone. docs/numerics.md states it;
// reference.cpp is the whole of it as plain code. Changing anything here changes result bits.
#pragma once

#include "contract.hpp"

namespace forwardpass {
namespace {  // internal linkage: instruction-set files share no symbol (see isa_*.cpp)

// 8, 16, 24 up to K = 96, then 32: at least three chains run side by side from K = 17 on, and
// the rounding error grows with K / 32 instead of K.
[[maybe_unused]] constexpr Index block_length(Index depth) noexcept {
    const Index eighths = 8 * ((depth + 31) / 32);
    return eighths < 32 ? eighths : 32;
}

// 64 blocks of 32: partial sums of K > 2048 are summed again, left to right.
constexpr Index blocks_per_superblock = 64;

// A depth cut into blocks, once for all the sums of a layer: the division took a tenth of a small
// tile's time.
struct Blocks {
    Index block;  // block_length(depth)
    Index full;   // number of full blocks
    Index rest;   // length of the short one after them, or 0
    bool one_superblock;
};

[[maybe_unused]] constexpr Blocks cut_into_blocks(Index depth) noexcept {
    if (depth == 0) return {1, 0, 0, true};
    const Index block = block_length(depth);
    return {block, depth / block, depth % block, depth <= block * blocks_per_superblock};
}

}  // namespace
}  // namespace forwardpass
