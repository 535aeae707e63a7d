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

}  // namespace
}  // namespace forwardpass
