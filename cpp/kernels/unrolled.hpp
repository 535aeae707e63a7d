// Loops over arrays of registers, written out before the optimiser sees them. Unrolled by GCC 12 itself they
// left copies of the arrays in memory: 80 GFLOP/s became 111 (32 x 32, AVX-512, Zen 4).
#pragma once

#define FORWARDPASS_INLINE __attribute__((always_inline)) inline
#define FORWARDPASS_UNROLLED __attribute__((always_inline))  // of a lambda

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

// The same object, of which the compiler knows nothing any more: it reads it again, rather than keep for so long what
// it has read. GCC 12 keeps that in vector registers, and the way back queues behind the FMAs: a tile of 6 x 32 outputs
// took 46 cycles longer (AVX-512, Zen 4).
template <class T>
FORWARDPASS_INLINE const T& again(const T& object) noexcept {
    const T* p = &object;
    __asm__("" : "+r"(p) : "m"(object));
    return *p;
}

}  // namespace
}  // namespace forwardpass
