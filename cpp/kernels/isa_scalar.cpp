// One lane at a time, for any CPU. Where the CPU has no FMA, fma() is the C library's: right in
// every bit, though slow. (An FMA by way of double is wrong: docs/numerics.md.)
#include "make_kernels.hpp"

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
    static T fma_one(T a, T b, T c) noexcept { return fma(a, b, c); }
};

}  // namespace

const KernelTable scalar_table{"scalar", 0, make_kernels<Scalar<float>>(), make_kernels<Scalar<double>>()};

}  // namespace forwardpass
