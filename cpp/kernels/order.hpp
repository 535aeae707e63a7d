// `fma-v2`, the order of every sum, which depends on the depth K alone. docs/numerics.md describes it in words, and
// reference.cpp computes it in plain code. Changing anything here changes result bits.
//
//    k       0 1 2 3 4 5 6 7 | 8 9 10 ...     K > 128: neighbours go to 8 chains, else to 4
//    chain   0 1 2 3 4 5 6 7 | 0 1 2  ...     a superblock: 32 products for each chain
#pragma once

#include "kernels/contract.hpp"

namespace forwardpass {
namespace {  // internal linkage: instruction-set files share no symbol (isa/avx2.cpp)

constexpr Index few_chains = 4, many_chains = 8;
constexpr Index chain_length = 32;          // of a full superblock
constexpr Index superblocks_in_group = 16;  // their sums are added to the group's, and the groups' to the total

[[maybe_unused]] constexpr Index chain_count(Index depth) noexcept {
    return depth <= few_chains * chain_length ? few_chains : many_chains;
}

[[maybe_unused]] constexpr Index superblock_length(Index depth) noexcept { return chain_count(depth) * chain_length; }

// A sum of no products is one empty superblock. The divisors are constants, because dividing by a variable took a tenth
// of a small tile's time.
[[maybe_unused]] constexpr Index superblock_count(Index depth) noexcept {
    return depth <= few_chains * chain_length ? 1
                                              : (depth + many_chains * chain_length - 1) / (many_chains * chain_length);
}

// A superblock: each chain has `steps` steps, and the first `longer` chains have one more.
struct Superblock {
    Index steps, longer;

    constexpr Index steps_of(Index chain) const noexcept { return steps + (chain < longer ? 1 : 0); }
    constexpr Index steps_before(Index chain) const noexcept {
        return chain * steps + (chain < longer ? chain : longer);
    }
    // A sum of no products is one empty chain.
    constexpr bool has(Index chain) const noexcept { return chain == 0 || steps_of(chain) > 0; }
};

[[maybe_unused]] constexpr Superblock superblock_of(Index depth, Index number) noexcept {
    const Index most = superblock_length(depth), left = depth - number * most;
    if (left >= most) return {chain_length, 0};
    return most == few_chains * chain_length ? Superblock{left / few_chains, left % few_chains}
                                             : Superblock{left / many_chains, left % many_chains};
}

}  // namespace
}  // namespace forwardpass
