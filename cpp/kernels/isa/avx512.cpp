// AVX-512F: 32 registers of 64 bytes; VL: as many of 32, for chains in lanes (neighbours.hpp). Rules for this file as
// for avx2.cpp.
#include <immintrin.h>

#include "kernels/isa/avx2.hpp"
#include "kernels/make_kernels.hpp"

namespace forwardpass {
namespace {

struct Avx512F64;

struct Avx512F32 {
    using Element = float;
    using Half = Avx2F32;
    using Wide = Avx512F64;
    using Register = __m512;
    static constexpr Index lanes = 16;
    static constexpr int registers = 32;
    static constexpr int panel_vectors = 4;

    static Register load(const float* p) noexcept { return _mm512_loadu_ps(p); }
    static void store(float* p, Register a) noexcept { _mm512_storeu_ps(p, a); }
    static Register load_partial(const float* p, Index count) noexcept {
        return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << count) - 1), p);
    }
    static void store_partial(float* p, Register a, Index count) noexcept {
        _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << count) - 1), a);
    }
    static void hold(Register& a) noexcept { __asm__("" : "+v"(a)); }
    static Register broadcast(float a) noexcept { return _mm512_set1_ps(a); }
    // A broadcast of integers is only a load. A broadcast of floats also takes a unit that an FMA could use.
    static Register load_broadcast(const float* p) noexcept {
        int bits;
        __builtin_memcpy(&bits, p, sizeof bits);
        return _mm512_castsi512_ps(_mm512_set1_epi32(bits));
    }
    static Register add(Register a, Register b) noexcept { return _mm512_add_ps(a, b); }
    static Register max(Register a, Register b) noexcept { return _mm512_max_ps(a, b); }
    static Register fma(Register a, Register b, Register c) noexcept { return _mm512_fmadd_ps(a, b, c); }
    // On integers, because AVX-512F has no bitwise instructions for floats.
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

    // A masked broadcast from memory runs on any unit. An insertion would take the only unit that shuffles.
    static Register load_fours(const float* p, Index stride) noexcept {
        __m512 rows = _mm512_castps128_ps512(_mm_loadu_ps(p));
        rows = _mm512_mask_broadcast_f32x4(rows, 0x00F0, _mm_loadu_ps(p + stride));
        rows = _mm512_mask_broadcast_f32x4(rows, 0x0F00, _mm_loadu_ps(p + 2 * stride));
        return _mm512_mask_broadcast_f32x4(rows, 0xF000, _mm_loadu_ps(p + 3 * stride));
    }
    static Register repeat_fours(const float* p) noexcept { return _mm512_broadcast_f32x4(_mm_loadu_ps(p)); }
    static void store_fours(float* p, Index stride, Register a, int count) noexcept {
        store_first(p, _mm512_castps512_ps128(a), count);
        store_first(p + stride, _mm512_extractf32x4_ps(a, 1), count);
        store_first(p + 2 * stride, _mm512_extractf32x4_ps(a, 2), count);
        store_first(p + 3 * stride, _mm512_extractf32x4_ps(a, 3), count);
    }
    static void transpose_fours(Register (&rows)[4]) noexcept {
        const Register low01 = _mm512_unpacklo_ps(rows[0], rows[1]), high01 = _mm512_unpackhi_ps(rows[0], rows[1]);
        const Register low23 = _mm512_unpacklo_ps(rows[2], rows[3]), high23 = _mm512_unpackhi_ps(rows[2], rows[3]);
        rows[0] = _mm512_shuffle_ps(low01, low23, _MM_SHUFFLE(1, 0, 1, 0));
        rows[1] = _mm512_shuffle_ps(low01, low23, _MM_SHUFFLE(3, 2, 3, 2));
        rows[2] = _mm512_shuffle_ps(high01, high23, _MM_SHUFFLE(1, 0, 1, 0));
        rows[3] = _mm512_shuffle_ps(high01, high23, _MM_SHUFFLE(3, 2, 3, 2));
    }
};

struct Avx512F64 {
    using Element = double;
    using Half = Avx2F64;
    using Wide = Avx512F64;
    using Register = __m512d;
    static constexpr Index lanes = 8;
    static constexpr int registers = 32;
    static constexpr int panel_vectors = 4;

    static Register load(const double* p) noexcept { return _mm512_loadu_pd(p); }
    static void store(double* p, Register a) noexcept { _mm512_storeu_pd(p, a); }
    static Register load_partial(const double* p, Index count) noexcept {
        return _mm512_maskz_loadu_pd(static_cast<__mmask8>((1u << count) - 1), p);
    }
    static void store_partial(double* p, Register a, Index count) noexcept {
        _mm512_mask_storeu_pd(p, static_cast<__mmask8>((1u << count) - 1), a);
    }
    static Register load(const float* p) noexcept { return _mm512_cvtps_pd(_mm256_loadu_ps(p)); }
    static void store(float* p, Register a) noexcept { _mm256_storeu_ps(p, _mm512_cvtpd_ps(a)); }
    static Register load_partial(const float* p, Index count) noexcept {
        return _mm512_cvtps_pd(_mm256_maskz_loadu_ps(static_cast<__mmask8>((1u << count) - 1), p));
    }
    static void store_partial(float* p, Register a, Index count) noexcept {
        Avx2F32::store_partial(p, _mm512_cvtpd_ps(a), count);
    }
    template <int n>
    static Register down(Register a) noexcept {
        if constexpr (n == 4) return _mm512_shuffle_f64x2(a, a, 0x4E);
        else if constexpr (n == 2) return _mm512_shuffle_f64x2(a, a, 0xB1);
        else return _mm512_permute_pd(a, 0x55);
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
    static Register load_fours(const double* p, Index stride) noexcept {
        return _mm512_mask_broadcast_f64x4(_mm512_castpd256_pd512(_mm256_loadu_pd(p)), 0xF0,
                                           _mm256_loadu_pd(p + stride));
    }
    static Register repeat_fours(const double* p) noexcept { return _mm512_broadcast_f64x4(_mm256_loadu_pd(p)); }
    static void store_fours(double* p, Index stride, Register a, int count) noexcept {
        const __m256d rows[] = {_mm512_castpd512_pd256(a), _mm512_extractf64x4_pd(a, 1)};
        for (int r = 0; r < 2; ++r) {
            if (count == 4) _mm256_storeu_pd(p + r * stride, rows[r]);
            else Avx2F64::store_partial(p + r * stride, rows[r], count);
        }
    }
    static void transpose_fours(Register (&rows)[4]) noexcept {
        const Register low01 = _mm512_unpacklo_pd(rows[0], rows[1]), high01 = _mm512_unpackhi_pd(rows[0], rows[1]);
        const Register low23 = _mm512_unpacklo_pd(rows[2], rows[3]), high23 = _mm512_unpackhi_pd(rows[2], rows[3]);
        const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 4, 5, 12, 13),
                      high = _mm512_setr_epi64(2, 3, 10, 11, 6, 7, 14, 15);
        rows[0] = _mm512_permutex2var_pd(low01, low, low23);
        rows[1] = _mm512_permutex2var_pd(high01, low, high23);
        rows[2] = _mm512_permutex2var_pd(low01, high, low23);
        rows[3] = _mm512_permutex2var_pd(high01, high, high23);
    }
    static void transpose(Register (&rows)[8]) noexcept {
        Register pairs[8], fours[8];
        for (int i = 0; i < 8; i += 2) {
            pairs[i] = _mm512_unpacklo_pd(rows[i], rows[i + 1]);
            pairs[i + 1] = _mm512_unpackhi_pd(rows[i], rows[i + 1]);
        }
        for (int i = 0; i < 8; i += 4)
            for (int j = 0; j < 2; ++j) {
                fours[i + j] = _mm512_shuffle_f64x2(pairs[i + j], pairs[i + j + 2], 0x88);
                fours[i + j + 2] = _mm512_shuffle_f64x2(pairs[i + j], pairs[i + j + 2], 0xDD);
            }
        for (int i = 0; i < 4; ++i) {
            rows[i] = _mm512_shuffle_f64x2(fours[i], fours[i + 4], 0x88);
            rows[i + 4] = _mm512_shuffle_f64x2(fours[i], fours[i + 4], 0xDD);
        }
    }
};

}  // namespace

const KernelTable avx512_table{"avx512", feature_avx2 | feature_fma | feature_avx512f | feature_avx512vl,
                               make_kernels<Avx512F32>(), make_kernels<Avx512F64>()};

}  // namespace forwardpass
