// The vector type of one lane: any CPU's, and what wider sets use for one output.
#pragma once

#include "contract.hpp"

namespace forwardpass {
namespace {

template <class T>
struct Scalar {
    using Element = T;
    using Register = T;
    static constexpr Index lanes = 1;
    static constexpr Index unit = 1;
    static constexpr int registers = 16;

    static Register load(const T* p) noexcept { return *p; }
    static void store(T* p, Register a) noexcept { *p = a; }
    static void store_partial(T* p, Register a, Index) noexcept { *p = a; }
    static Register load_rows(const T* w, Index, Index) noexcept { return *w; }
    static void hold(Register&) noexcept {}
    static Register broadcast(T a) noexcept { return a; }
    static Register add(Register a, Register b) noexcept { return a + b; }
    static Register max(Register a, Register b) noexcept { return a > b ? a : b; }
    static Register fma(Register a, Register b, Register c) noexcept {
        if constexpr (sizeof(T) == 4) return __builtin_fmaf(a, b, c);
        else return __builtin_fma(a, b, c);
    }
};

}  // namespace
}  // namespace forwardpass
