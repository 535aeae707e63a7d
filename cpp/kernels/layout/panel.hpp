// The packed layout of a weight (outputs, depth). A panel is as wide as the register tile of its instruction set, so
// the weights of a tile lie one after another. A panel holds its bias and then the weights of its outputs, k by k:
//
//        output   0    1    2   ...  width - 1
//               +----+----+----+-----+----+
//        bias   | b0 | b1 | b2 | ... |    |    no bias is a bias of -0.0: t + (-0.0) == t in every bit
//        k = 0  |    |    |    |     |    |
//        k = R  |    |    |    |     |    |    the k of a superblock (order.hpp) chain by chain, as they are
//          :                                   summed
//
// The last panel has as many registers as its outputs need. A few outputs would leave most of a register empty. So they
// are rows instead, as NumPy holds them, and the biases and each row begin on a cache line.
#pragma once

#include "kernels/order.hpp"

namespace forwardpass {
namespace {

// The number of the panel's row that holds k.
[[maybe_unused]] constexpr Index packed_row(Index depth, Index k) noexcept {
    const Index chains = chain_count(depth), length = superblock_length(depth), number = k / length;
    const Index in = k - number * length;
    return number * length + superblock_of(depth, number).steps_before(in % chains) + in / chains;
}

// How a layer is cut into panels of `width` outputs, with `lanes` outputs in a register.
template <class T>
struct Panels {
    Index depth, outputs, width, lanes;

    FORWARDPASS_INLINE constexpr Index count() const noexcept { return (outputs + width - 1) / width; }
    FORWARDPASS_INLINE constexpr Index first_output(Index panel) const noexcept { return panel * width; }
    FORWARDPASS_INLINE constexpr Index outputs_in(Index panel) const noexcept {
        const Index left = outputs - panel * width;
        return left < width ? left : width;
    }
    // Every panel before the last is full, so this is where panel `panel` begins.
    FORWARDPASS_INLINE constexpr Index offset(Index panel) const noexcept { return panel * width * (depth + 1); }

    // Whether the `count` outputs of a panel are rows. stride() counts the elements from one k, or row, to the next.
    FORWARDPASS_INLINE constexpr bool are_rows(Index count) const noexcept {
        return count < width && depth > 0 &&
               count <= (chain_count(depth) == many_chains ? 4
                         : lanes > 4                       ? lanes / 2
                                                           : 2);
    }
    FORWARDPASS_INLINE constexpr Index stride(Index count) const noexcept {
        return are_rows(count) ? padded<T>(depth) : (count + lanes - 1) / lanes * lanes;
    }

    FORWARDPASS_INLINE constexpr Index elements_of(Index count) const noexcept {
        return are_rows(count) ? padded<T>(count) + count * stride(count) : (depth + 1) * stride(count);
    }

    // The elements of all panels together.
    FORWARDPASS_INLINE constexpr Index elements() const noexcept {
        return offset(outputs / width) + elements_of(outputs % width);
    }
};

}  // namespace
}  // namespace forwardpass
