// The first elements of 16 bytes, for the two x86 instruction sets.
#pragma once

#include <xmmintrin.h>

namespace forwardpass {
namespace {

template <int count>
[[maybe_unused]] inline void store_part(float* p, __m128 a) noexcept {
    if constexpr (count == 4) {
        _mm_storeu_ps(p, a);
    } else if constexpr (count == 1) {
        _mm_store_ss(p, a);
    } else {
        _mm_storel_pi(reinterpret_cast<__m64*>(p), a);
        if constexpr (count == 3) _mm_store_ss(p + 2, _mm_movehl_ps(a, a));
    }
}

template <int count>
[[maybe_unused]] inline void store_part(double* p, __m128 a) noexcept {
    store_part<2 * count>(reinterpret_cast<float*>(p), a);
}

}  // namespace
}  // namespace forwardpass
