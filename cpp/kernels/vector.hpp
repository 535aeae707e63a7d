// What a vector type V must offer. V stands for one instruction set's registers of one element type, and the kernels
// are templates over V.
//
//   Element, Register, lanes    float or double; so many of them; how many
//   registers                   how many registers there are, 16 or 32
//   panel_vectors               the width of a panel and of its tile, in registers (panel.hpp)
//   Half                        the type of half as many lanes, or V itself where there is none
//   Wide                        the type of as many bytes of doubles: V itself where it is one
//
//   load, store                 of `lanes` elements, anywhere in memory
//   load_partial, store_partial of the first `count` of them, 1 to lanes - 1; the lanes behind those are zeros.
//                               Those of doubles take arrays of floats too, which they convert
//   load_broadcast, broadcast   one element, in all lanes
//   add, fma, max               one rounding each; max is its second operand where either is NaN
//   magnitude, with_sign        |a|; |a| with another's sign
//   select_at_least             yes where x >= least, else no
//   to_exponent                 2^n from the bits of n + FloatFormat::rounder (exponential.hpp)
//   transpose                   `lanes` registers: rows become columns
//   load_fours, repeat_fours, transpose_fours, store_fours
//                               of more than four lanes: four elements of each of several rows, the same four again and
//                               again, four registers turned within each four, the first `count` of each
//                               (neighbours.hpp)
//   down<n>                     lane l + n comes to lane l, for l < n: of doubles, n a power of two below `lanes`
//   hold                        makes the compiler keep a value in a register
#pragma once

#include "kernels/contract.hpp"
#include "kernels/unrolled.hpp"

namespace forwardpass {
namespace {

template <class V>
using Element = typename V::Element;

template <class V>
using Register = typename V::Register;

template <class V>
constexpr Index panel_outputs = V::panel_vectors * V::lanes;

// V, its Half, or the Half of that: the first one with at most `most` lanes.
template <class V, Index most, bool fits = (V::lanes <= most)>
struct LanesUpTo {
    using Type = V;
};
template <class V, Index most>
struct LanesUpTo<V, most, false> {
    using Type = typename LanesUpTo<typename V::Half, most>::Type;
};

}  // namespace
}  // namespace forwardpass
