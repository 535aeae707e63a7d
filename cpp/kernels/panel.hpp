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
#pragma once

#include "contract.hpp"

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

// Elements of a row of every panel together, and the slack after the last one.
template <class T>
[[maybe_unused]] constexpr Index packed_width(Index outputs) noexcept {
    const Index full = outputs / panel_outputs<T>;
    const Index left = outputs - full * panel_outputs<T>;
    return full * panel_outputs<T> + (left == 0 ? 0 : panel_width<T>(left));
}

template <class T>
constexpr Index packed_slack = panel_alignment<T>;

}  // namespace
}  // namespace forwardpass
