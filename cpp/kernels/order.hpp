// `fma-v2`: the order of every sum, a function of the depth K alone. docs/numerics.md states it; reference.cpp is the
// whole of it as plain code. Changing anything here changes result bits.
//
//    k       0 1 2 3 4 5 6 7 | 8 9 10 ...     K > 128: neighbours go to 8 chains, else to 4
//    chain   0 1 2 3 4 5 6 7 | 0 1 2  ...     a superblock: 32 products for each chain
#pragma once

#include "contract.hpp"

namespace forwardpass {
namespace {  // internal linkage: instruction-set files share no symbol (see isa_*.cpp)

constexpr Index few_chains = 4, many_chains = 8;
constexpr Index chain_length = 32;          // of a full superblock
constexpr Index superblocks_in_group = 16;  // whose sums are added before the groups' are

[[maybe_unused]] constexpr Index chain_count(Index depth) noexcept {
    return depth <= few_chains * chain_length ? few_chains : many_chains;
}

[[maybe_unused]] constexpr Index superblock_length(Index depth) noexcept { return chain_count(depth) * chain_length; }

[[maybe_unused]] constexpr Index superblock_count(Index depth) noexcept {
    // The divisors are written out: dividing by a variable took a tenth of a small tile's time.
    return depth <= few_chains * chain_length ? (depth > 0 ? 1 : 0)
                                              : (depth + many_chains * chain_length - 1) / (many_chains * chain_length);
}

}  // namespace
}  // namespace forwardpass
