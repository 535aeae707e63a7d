// The packed layout, the same for every instruction set.
//
// A weight (outputs, depth) is cut into panels of 256 bytes of outputs (64 float, 32 double). A
// panel holds, row after row, its bias and then, for k = 0 .. depth-1, the weights of all its
// outputs for that k:
//
//        output   0    1    2   ...   63
//               +----+----+----+-----+----+
//        bias   | b0 | b1 | b2 | ... |    |    width = 64, or in the last panel what
//        k = 0  |    |    |    |     |    |    panel_width() says for the outputs left
//        k = 1  |    |    |    |     |    |
//          :
//
// One load is a vector of outputs, each lane is one output's own chain, and one row of input
// streams the panel once from front to back. No bias is a bias of -0.0: t + (-0.0) == t in every
// bit. Lanes beyond the outputs are dropped. In a narrow panel they hold what comes next, so a
// cache line of slack follows the last panel.
//
// A panel of one output is its bias and its row. Behind them, on a cache line, come the row's full blocks
// (order.hpp) once more, in groups that fill a line side by side, for one row of x: step 0 of all blocks of
// the group, step 1, ... The last group is the last ones, whatever of them the group before has; too few blocks for
// one group have none.
#pragma once

#include "order.hpp"

namespace forwardpass {
namespace {

template <class T>
constexpr Index panel_outputs = Index{256 / sizeof(T)};

template <class T>
constexpr Index panel_alignment = Index{64 / sizeof(T)};

template <class T>
[[maybe_unused]] constexpr Index panel_count(Index outputs) noexcept {
    return (outputs + panel_outputs<T> - 1) / panel_outputs<T>;
}

// Outputs in panel `panel`, without padding.
template <class T>
[[maybe_unused]] constexpr Index outputs_in_panel(Index outputs, Index panel) noexcept {
    const Index left = outputs - panel * panel_outputs<T>;
    return left < panel_outputs<T> ? left : panel_outputs<T>;
}

// Rounded up to whole cache lines.
template <class T>
[[maybe_unused]] constexpr Index padded(Index outputs) noexcept {
    return (outputs + panel_alignment<T> - 1) / panel_alignment<T> * panel_alignment<T>;
}

// Elements from one k to the next in a panel of that many outputs: whole cache lines, but for few
// outputs a power of two of at most half a line. A weight of 1 x 10000 would else be read 16 times
// over: 11 us became 5.5 us (AVX2, Zen 3).
template <class T>
[[maybe_unused]] constexpr Index panel_width(Index outputs) noexcept {
    for (Index width = 1; width <= panel_alignment<T> / 2; width *= 2)
        if (outputs <= width) return width;
    return padded<T>(outputs);
}

// Every panel before the last is full, so this is where panel `panel` begins.
template <class T>
[[maybe_unused]] constexpr Index panel_offset(Index depth, Index panel) noexcept {
    return panel * panel_outputs<T> * (depth + 1);
}

// Groups of blocks behind a row.
template <class T>
[[maybe_unused]] constexpr Index block_groups(Index depth) noexcept {
    const Index blocks = cut_into_blocks(depth).full;
    return blocks < panel_alignment<T> ? 0 : (blocks + panel_alignment<T> - 1) / panel_alignment<T>;
}

// Blocks enough for a group have this length each (order.hpp); a constant spares their addresses.
constexpr Index lane_block = 32;

// The first block of a group, and where the first group begins in its panel.
template <class T>
[[maybe_unused]] constexpr Index first_of_group(Index depth, Index group) noexcept {
    const Index first = group * panel_alignment<T>, last = cut_into_blocks(depth).full - panel_alignment<T>;
    return first < last ? first : last;
}

template <class T>
[[maybe_unused]] constexpr Index first_group(Index depth) noexcept {
    return padded<T>(depth + 1);
}

// Elements of all panels together, without the slack after the last one.
template <class T>
[[maybe_unused]] constexpr Index packed_elements(Index depth, Index outputs) noexcept {
    const Index full = outputs / panel_outputs<T>, left = outputs - full * panel_outputs<T>;
    const Index before = panel_offset<T>(depth, full);
    if (left == 0) return before;
    const Index groups = left == 1 ? block_groups<T>(depth) : 0;
    if (groups == 0) return before + (depth + 1) * panel_width<T>(left);
    return before + first_group<T>(depth) + groups * panel_alignment<T> * cut_into_blocks(depth).block;
}

template <class T>
constexpr Index packed_slack = panel_alignment<T>;

// One panel of a layer, for some rows.
template <class T>
struct Panel {
    const PackedLinear<T>& layer;
    const Batch<T>& rows;
    const T* at;
    Index outputs;
    T* y;  // of the first row
};

}  // namespace
}  // namespace forwardpass
