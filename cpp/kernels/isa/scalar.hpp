// The vector type of one lane. Every CPU can run it, and wider instruction sets use it for one output.
#pragma once

#include "kernels/contract.hpp"

namespace forwardpass {
namespace {

// std::conditional, without the STL.
template <bool first, class A, class B>
struct ChooseType {
    using Type = A;
};
template <class A, class B>
struct ChooseType<false, A, B> {
    using Type = B;
};
template <bool first, class A, class B>
using Choose = typename ChooseType<first, A, B>::Type;

template <class T>
struct Scalar {
    using Element = T;
    using Half = Scalar;
    using Wide = Scalar<double>;
    using Register = T;
    static constexpr Index lanes = 1;
    static constexpr int registers = 16;
    static constexpr int panel_vectors = 4;

    template <class From>
    static Register load(const From* p) noexcept {
        return static_cast<T>(*p);
    }
    template <class From>
    static Register load_partial(const From* p, Index) noexcept {
        return static_cast<T>(*p);
    }
    template <class To>
    static void store(To* p, Register a) noexcept {
        *p = static_cast<To>(a);
    }
    template <class To>
    static void store_partial(To* p, Register a, Index) noexcept {
        *p = static_cast<To>(a);
    }
    static void transpose(Register (&)[1]) noexcept {}
    static void hold(Register&) noexcept {}
    static Register broadcast(T a) noexcept { return a; }
    static Register load_broadcast(const T* p) noexcept { return *p; }
    static Register add(Register a, Register b) noexcept { return a + b; }
    static Register max(Register a, Register b) noexcept { return a > b ? a : b; }
    static Register fma(Register a, Register b, Register c) noexcept {
        if constexpr (sizeof(T) == 4) return __builtin_fmaf(a, b, c);
        else return __builtin_fma(a, b, c);
    }
    static Register sqrt(Register a) noexcept {
        if constexpr (sizeof(T) == 4) return __builtin_sqrtf(a);
        else return __builtin_sqrt(a);
    }
    static Register magnitude(Register a) noexcept { return with_sign(a, 1); }
    static Register with_sign(Register a, Register sign) noexcept {
        if constexpr (sizeof(T) == 4) return __builtin_copysignf(a, sign);
        else return __builtin_copysign(a, sign);
    }
    static Register select_at_least(Register x, Register least, Register yes, Register no) noexcept {
        return x >= least ? yes : no;
    }
    // 2^n from the bits of n + FloatFormat::rounder (exponential.hpp).
    static Register to_exponent(Register a) noexcept {
        using Bits = Choose<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
        Bits bits;
        __builtin_memcpy(&bits, &a, sizeof bits);
        bits <<= sizeof(T) == 4 ? 23 : 52;
        __builtin_memcpy(&a, &bits, sizeof bits);
        return a;
    }
};

}  // namespace
}  // namespace forwardpass
