// AVX-512F: 32 registers of 64 bytes; VL: as many of 32 for halves of lanes, with which 64 rows of 10000 x 1 take 40
// us, with AVX2's 16 they took 42 (Zen 4). Rules for this file as for isa_avx2.cpp.
#include <immintrin.h>

#include "avx2.hpp"
#include "make_kernels.hpp"
#include "store_part.hpp"

namespace forwardpass {
namespace {

// Four times 16 bytes. A masked broadcast from memory blends on any unit, where an insertion takes the one that
// shuffles.
[[maybe_unused]] inline __m512 four_parts(__m128 a, __m128 b, __m128 c, __m128 d) noexcept {
    __m512 parts = _mm512_castps128_ps512(a);
    parts = _mm512_mask_broadcast_f32x4(parts, 0x00F0, b);
    parts = _mm512_mask_broadcast_f32x4(parts, 0x0F00, c);
    return _mm512_mask_broadcast_f32x4(parts, 0xF000, d);
}

// Twice 32 bytes, likewise. A masked load, which takes no such unit, crosses cache lines every second time: 8 rows of
// 10000 x 1 took 6.0 us, not 5.6 (Zen 4).
template <class T>
__m512d two_halves(const T* a, const T* b) noexcept {
    const auto load = [](const T* p) noexcept { return _mm256_loadu_pd(reinterpret_cast<const double*>(p)); };
    return _mm512_mask_broadcast_f64x4(_mm512_castpd256_pd512(load(a)), 0xF0, load(b));
}

struct Avx512F32 {
    using Element = float;
    using Half = Avx2F32;
    using Register = __m512;
    static constexpr Index lanes = 16;
    static constexpr Index unit = 4;
    static constexpr int registers = 32;

    static Register load(const float* p) noexcept { return _mm512_loadu_ps(p); }
    static void store(float* p, Register a) noexcept { _mm512_storeu_ps(p, a); }
    static Register load_partial(const float* p, Index count) noexcept {
        return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
    }
    static void store_partial(float* p, Register a, Index count) noexcept {
        _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), a);
    }
    template <int count>
    static void store_parts(float* p, Index stride, Register a) noexcept {
        store_part<count>(p, _mm512_castps512_ps128(a));
        store_part<count>(p + stride, _mm512_extractf32x4_ps(a, 1));
        store_part<count>(p + 2 * stride, _mm512_extractf32x4_ps(a, 2));
        store_part<count>(p + 3 * stride, _mm512_extractf32x4_ps(a, 3));
    }
    static void hold(Register& a) noexcept { __asm__("" : "+v"(a)); }
    static Register broadcast(float a) noexcept { return _mm512_set1_ps(a); }
    // Of integers: that is a load and no more, where one of floats also takes a unit that an FMA could have. 32 inputs
    // and outputs reach 92 % of the peak, not 85 (Zen 4).
    static Register load_broadcast(const float* p) noexcept {
        int bits;
        __builtin_memcpy(&bits, p, sizeof bits);
        return _mm512_castsi512_ps(_mm512_set1_epi32(bits));
    }
    static Register add(Register a, Register b) noexcept { return _mm512_add_ps(a, b); }
    static Register max(Register a, Register b) noexcept { return _mm512_max_ps(a, b); }
    static Register fma(Register a, Register b, Register c) noexcept { return _mm512_fmadd_ps(a, b, c); }
    // As integers: AVX-512F has no logic for floats.
    static Register magnitude(Register a) noexcept {
        return _mm512_castsi512_ps(_mm512_and_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(0x7FFFFFFF)));
    }
    static Register with_sign(Register a, Register sign) noexcept {
        // The truth table of "a where the mask is set, else sign".
        return _mm512_castsi512_ps(_mm512_ternarylogic_epi32(_mm512_set1_epi32(0x7FFFFFFF), _mm512_castps_si512(a),
                                                             _mm512_castps_si512(sign), 0xCA));
    }
    static Register select_at_least(Register x, Register least, Register yes, Register no) noexcept {
        return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(x, least, _CMP_GE_OQ), no, yes);
    }
    static Register to_exponent(Register a) noexcept {
        return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(a), 23));
    }

    static Register load_rows(const float* w, Index stride, Index i) noexcept {
        return four_parts(_mm_loadu_ps(w + i * stride), _mm_loadu_ps(w + (i + 4) * stride),
                          _mm_loadu_ps(w + (i + 8) * stride), _mm_loadu_ps(w + (i + 12) * stride));
    }
    static Register load_wide_rows(const float* w, Index stride, Index i) noexcept {
        return _mm512_castpd_ps(two_halves(w + i * stride, w + (i + 4) * stride));
    }
    static Register even_parts(Register a, Register b) noexcept { return _mm512_shuffle_f32x4(a, b, 0x88); }
    static Register odd_parts(Register a, Register b) noexcept { return _mm512_shuffle_f32x4(a, b, 0xDD); }
    static Register zip_low(Register a, Register b) noexcept { return _mm512_unpacklo_ps(a, b); }
    static Register zip_high(Register a, Register b) noexcept { return _mm512_unpackhi_ps(a, b); }
    static Register zip_low_pairs(Register a, Register b) noexcept {
        return _mm512_shuffle_ps(a, b, _MM_SHUFFLE(1, 0, 1, 0));
    }
    static Register zip_high_pairs(Register a, Register b) noexcept {
        return _mm512_shuffle_ps(a, b, _MM_SHUFFLE(3, 2, 3, 2));
    }
};

struct Avx512F64 {
    using Element = double;
    using Half = Avx2F64;
    using Register = __m512d;
    static constexpr Index lanes = 8;
    static constexpr Index unit = 2;
    static constexpr int registers = 32;

    static Register load(const double* p) noexcept { return _mm512_loadu_pd(p); }
    static void store(double* p, Register a) noexcept { _mm512_storeu_pd(p, a); }
    static Register load_partial(const double* p, Index count) noexcept {
        return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), p);
    }
    static void store_partial(double* p, Register a, Index count) noexcept {
        _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1), a);
    }
    template <int count>
    static void store_parts(double* p, Index stride, Register a) noexcept {
        const __m512 parts = _mm512_castpd_ps(a);
        store_part<count>(p, _mm512_castps512_ps128(parts));
        store_part<count>(p + stride, _mm512_extractf32x4_ps(parts, 1));
        store_part<count>(p + 2 * stride, _mm512_extractf32x4_ps(parts, 2));
        store_part<count>(p + 3 * stride, _mm512_extractf32x4_ps(parts, 3));
    }
    static void hold(Register& a) noexcept { __asm__("" : "+v"(a)); }
    static Register broadcast(double a) noexcept { return _mm512_set1_pd(a); }
    static Register load_broadcast(const double* p) noexcept {
        long long bits;
        __builtin_memcpy(&bits, p, sizeof bits);
        return _mm512_castsi512_pd(_mm512_set1_epi64(bits));
    }
    static Register add(Register a, Register b) noexcept { return _mm512_add_pd(a, b); }
    static Register max(Register a, Register b) noexcept { return _mm512_max_pd(a, b); }
    static Register fma(Register a, Register b, Register c) noexcept { return _mm512_fmadd_pd(a, b, c); }
    static Register magnitude(Register a) noexcept {
        return _mm512_castsi512_pd(_mm512_and_epi64(_mm512_castpd_si512(a), _mm512_set1_epi64(0x7FFFFFFFFFFFFFFF)));
    }
    static Register with_sign(Register a, Register sign) noexcept {
        return _mm512_castsi512_pd(_mm512_ternarylogic_epi64(_mm512_set1_epi64(0x7FFFFFFFFFFFFFFF),
                                                             _mm512_castpd_si512(a), _mm512_castpd_si512(sign), 0xCA));
    }
    static Register select_at_least(Register x, Register least, Register yes, Register no) noexcept {
        return _mm512_mask_blend_pd(_mm512_cmp_pd_mask(x, least, _CMP_GE_OQ), no, yes);
    }
    static Register to_exponent(Register a) noexcept {
        return _mm512_castsi512_pd(_mm512_slli_epi64(_mm512_castpd_si512(a), 52));
    }

    // Two doubles are moved as the 16 bytes of four floats: inserting doubles by pairs needs AVX-512DQ, which nothing
    // else here does.
    static __m128 two(const double* p) noexcept { return _mm_loadu_ps(reinterpret_cast<const float*>(p)); }
    static Register load_rows(const double* w, Index stride, Index i) noexcept {
        return _mm512_castps_pd(four_parts(two(w + i * stride), two(w + (i + 2) * stride), two(w + (i + 4) * stride),
                                           two(w + (i + 6) * stride)));
    }
    static Register load_wide_rows(const double* w, Index stride, Index i) noexcept {
        return two_halves(w + i * stride, w + (i + 2) * stride);
    }
    static Register even_parts(Register a, Register b) noexcept {
        return _mm512_castps_pd(_mm512_shuffle_f32x4(_mm512_castpd_ps(a), _mm512_castpd_ps(b), 0x88));
    }
    static Register odd_parts(Register a, Register b) noexcept {
        return _mm512_castps_pd(_mm512_shuffle_f32x4(_mm512_castpd_ps(a), _mm512_castpd_ps(b), 0xDD));
    }
    static Register zip_low(Register a, Register b) noexcept { return _mm512_unpacklo_pd(a, b); }
    static Register zip_high(Register a, Register b) noexcept { return _mm512_unpackhi_pd(a, b); }
};

}  // namespace

const KernelTable avx512_table{"avx512", feature_avx2 | feature_fma | feature_avx512f | feature_avx512vl,
                               make_kernels<Avx512F32>(), make_kernels<Avx512F64>()};

}  // namespace forwardpass
