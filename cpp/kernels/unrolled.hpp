// Loops over arrays of registers, written out before the optimiser sees them. When GCC 12 unrolls such a loop itself,
// it leaves copies of the arrays in memory, and small layers lose a quarter [log 11].
#pragma once

#include "kernels/contract.hpp"

#define FORWARDPASS_UNROLLED __attribute__((always_inline))  // for lambdas

namespace forwardpass {
namespace {

template <int number>
struct Constant {
    constexpr operator int() const noexcept { return number; }
};

// body(0), body(1), ... body(count - 1), each number a constant.
template <int count, class Body>
FORWARDPASS_INLINE void unrolled(const Body& body) noexcept {
    if constexpr (count > 0) {
        unrolled<count - 1>(body);
        body(Constant<count - 1>{});
    }
}

// The same object, which the compiler then reads again. GCC 12 would keep its values in vector registers, and moving
// them back waits behind the FMAs [log 11].
template <class T>
FORWARDPASS_INLINE const T& again(const T& object) noexcept {
    const T* p = &object;
    __asm__("" : "+r"(p) : "m"(object));
    return *p;
}

}  // namespace
}  // namespace forwardpass
