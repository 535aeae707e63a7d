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

// A depth cut into blocks.
struct Blocks {
    Index block;  // block_length(depth)
    Index full;   // number of full blocks
    Index rest;   // length of the short one after them, or 0
};

// The divisor is written out: dividing by a variable took a tenth of a small tile's time.
[[maybe_unused]] constexpr Blocks cut_into_blocks(Index depth) noexcept {
    switch (block_length(depth)) {
        case 8: return {8, depth / 8, depth % 8};
        case 16: return {16, depth / 16, depth % 16};
        case 24: return {24, depth / 24, depth % 24};
        default: return {32, depth / 32, depth % 32};
    }
}

// What a sum of `depth` products starts from: -0.0 is the identity of addition, as -0.0 + p == p in
// every bit, p == -0.0 included. The sum of nothing is +0.0.
template <class T>
[[maybe_unused]] constexpr T start_of_sum(Index depth) noexcept {
    return static_cast<T>(depth == 0 ? 0.0 : -0.0);
}

}  // namespace
}  // namespace forwardpass
