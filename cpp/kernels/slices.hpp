// A depth in slices: the panel's rows that stay in L1, of narrow ones in L2, while every row of a batch passes over
// them. Between two slices the sums wait in scratch memory.
#pragma once

#include "order.hpp"
#include "panel.hpp"
#include "unrolled.hpp"

namespace forwardpass {
namespace {

// 32 KB of a full panel: four blocks of 32 steps, 256 bytes each. 16 KB and 64 KB are slower (784 x 512, Zen 4).
constexpr Index blocks_per_slice = 4;

// The same of narrower panels, a divisor of blocks_per_superblock. All of it where a row is two cache lines at most,
// which L2 gives faster than a tile takes them, and one tile is as wide: x is read once, and further in one go. 1024
// rows of 4096 x 16 take 0.65 ms from L3 and 1.05 from memory, in slices 0.68 and 1.55; of 4096 x 32 1.05 and 1.13,
// not 1.09 and 1.53 (AVX-512, Zen 5, L2 of 1 MB).
template <class T>
[[maybe_unused]] constexpr Index blocks_in_slice(Index width, Index tile_width) noexcept {
    if (width <= 2 * panel_alignment<T> && width <= tile_width) return blocks_per_superblock;
    Index blocks = blocks_per_slice;
    while (blocks < blocks_per_superblock && 2 * blocks * width <= blocks_per_slice * panel_outputs<T>) blocks *= 2;
    return blocks;
}

// Some blocks in a row, all of one superblock.
struct Slice : Blocks {
    Index first;  // step of k
    bool opens;   // the first one of its superblock
    bool closes;  // the last one of its superblock
    bool last;    // and of the depth

    bool in_first_superblock() const noexcept { return first < block * blocks_per_superblock; }
    Index steps() const noexcept { return full * block + rest; }
};

// Calls use(slice) for each `blocks_each` blocks, a divisor of blocks_per_superblock; once if the depth is 0.
template <class Use>
FORWARDPASS_INLINE void for_each_slice(const Blocks& blocks, Index blocks_each, Use use) noexcept {
    const Index count = blocks.full + (blocks.rest > 0 ? 1 : 0);
    Index first = 0;
    do {
        const Index end = first + blocks_each < count ? first + blocks_each : count;
        const bool last = end == count;
        use(Slice{{blocks.block, (last ? blocks.full : end) - first, last ? blocks.rest : 0},
                  first * blocks.block,
                  first % blocks_per_superblock == 0,
                  last || end % blocks_per_superblock == 0,
                  last});
        first = end;
    } while (first < count);
}

// Elements of scratch for `rows` rows: panel_outputs each for the sums so far of a superblock, and behind them
// as many for the totals of superblocks.
template <class T>
[[maybe_unused]] constexpr Index scratch_elements(Index depth, Index rows) noexcept {
    const Index block = block_length(depth);
    if (depth <= block * blocks_per_slice) return 0;
    return rows * panel_outputs<T> * (depth <= block * blocks_per_superblock ? 1 : 2);
}

}  // namespace
}  // namespace forwardpass
