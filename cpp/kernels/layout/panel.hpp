// The packed layout of a weight (outputs, depth): panels as wide as the register tile of their instruction set, so that
// the weights of a tile lie one after another. A panel holds its bias and then the weights of its outputs, k by k:
//
//        output   0    1    2   ...  width - 1
//               +----+----+----+-----+----+
//        bias   | b0 | b1 | b2 | ... |    |    no bias is a bias of -0.0: t + (-0.0) == t in every bit
//        k = 0  |    |    |    |     |    |
//        k = R  |    |    |    |     |    |    the k of a superblock (order.hpp) chain by chain, as they are
//          :                                   summed
//
// The last panel is as wide as the registers for its outputs. A few outputs would leave most of a register empty, so
// they are rows instead, as NumPy holds them: the biases, and each row, begin on a cache line.
#pragma once

#include "kernels/order.hpp"

namespace forwardpass {
namespace {

// The row of a panel where k is.
[[maybe_unused]] constexpr Index packed_row(Index depth, Index k) noexcept {
    const Index chains = chain_count(depth), length = superblock_length(depth), number = k / length;
    const Index in = k - number * length;
    return number * length + superblock_of(depth, number).steps_before(in % chains) + in / chains;
}

// How a layer is cut into panels `width` outputs wide, of registers of `lanes`.
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

    // Of a panel of `count` outputs: whether they are rows, and elements from one k, or row, to the next.
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

    // Of all panels together.
    FORWARDPASS_INLINE constexpr Index elements() const noexcept {
        return offset(outputs / width) + elements_of(outputs % width);
    }
};

}  // namespace
}  // namespace forwardpass
