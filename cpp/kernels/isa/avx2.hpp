// The vector types of AVX2 and FMA: 16 registers of 32 bytes. AVX-512 uses them for half its lanes, with 32 registers.
// The rules are those of avx2.cpp.
#pragma once

#include <immintrin.h>

#include "kernels/contract.hpp"

namespace forwardpass {
namespace {

// Stores the first `count` elements, 1 to 4.
[[maybe_unused]] inline void store_first(float* p, __m128 a, int count) noexcept {
    if (count == 4) return _mm_storeu_ps(p, a);
    if (count & 2) {
        _mm_storel_pi(reinterpret_cast<__m64*>(p), a);
        a = _mm_movehl_ps(a, a);
        p += 2;
    }
    if (count & 1) _mm_store_ss(p, a);
}

// Half of an AVX2 register, which neighbours.hpp needs for four chains. It has no other functions.
struct Avx128F32 {
    using Element = float;
    using Half = Avx128F32;
    using Register = __m128;
    static constexpr Index lanes = 4;

    static Register load(const float* p) noexcept { return _mm_loadu_ps(p); }
    static void store(float* p, Register a) noexcept { _mm_storeu_ps(p, a); }
    static Register load_partial(const float* p, Index count) noexcept {
        const __m128i at = _mm_setr_epi32(0, 1, 2, 3);
        return _mm_maskload_ps(p, _mm_cmpgt_epi32(_mm_set1_epi32(static_cast<int>(count)), at));
    }
    static void store_partial(float* p, Register a, Index count) noexcept {
        _mm_maskstore_ps(p, _mm_cmpgt_epi32(_mm_set1_epi32(static_cast<int>(count)), _mm_setr_epi32(0, 1, 2, 3)), a);
    }
    static Register max(Register a, Register b) noexcept { return _mm_max_ps(a, b); }
    static Register broadcast(float a) noexcept { return _mm_set1_ps(a); }
    static Register add(Register a, Register b) noexcept { return _mm_add_ps(a, b); }
    static Register fma(Register a, Register b, Register c) noexcept { return _mm_fmadd_ps(a, b, c); }
    static void transpose(Register (&rows)[4]) noexcept { _MM_TRANSPOSE4_PS(rows[0], rows[1], rows[2], rows[3]); }
};

struct Avx2F64;

struct Avx2F32 {
    using Element = float;
    using Half = Avx128F32;
    using Wide = Avx2F64;
    using Register = __m256;
    static constexpr Index lanes = 8;
    static constexpr int registers = 16;
    static constexpr int panel_vectors = 2;

    static Register load(const float* p) noexcept { return _mm256_loadu_ps(p); }
    static void store(float* p, Register a) noexcept { _mm256_storeu_ps(p, a); }
    static Register load_partial(const float* p, Index count) noexcept {
        const __m256i at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        return _mm256_maskload_ps(p, _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)), at));
    }
    // Stores halves, because a masked store is many operations on AMD's CPUs.
    static void store_partial(float* p, Register a, Index count) noexcept {
        __m128 part = _mm256_castps256_ps128(a);
        if (count & 4) {
            _mm_storeu_ps(p, part);
            part = _mm256_extractf128_ps(a, 1);
            p += 4;
        }
        if (count & 2) {
            _mm_storel_pi(reinterpret_cast<__m64*>(p), part);
            part = _mm_movehl_ps(part, part);
            p += 2;
        }
        if (count & 1) _mm_store_ss(p, part);
    }
    static void hold(Register& a) noexcept { __asm__("" : "+x"(a)); }
    static Register broadcast(float a) noexcept { return _mm256_set1_ps(a); }
    static Register load_broadcast(const float* p) noexcept { return _mm256_broadcast_ss(p); }
    static Register add(Register a, Register b) noexcept { return _mm256_add_ps(a, b); }
    static Register max(Register a, Register b) noexcept { return _mm256_max_ps(a, b); }
    static Register fma(Register a, Register b, Register c) noexcept { return _mm256_fmadd_ps(a, b, c); }
    static Register magnitude(Register a) noexcept { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
    static Register with_sign(Register a, Register sign) noexcept {
        return _mm256_or_ps(magnitude(a), _mm256_and_ps(_mm256_set1_ps(-0.0f), sign));
    }
    static Register select_at_least(Register x, Register least, Register yes, Register no) noexcept {
        return _mm256_blendv_ps(no, yes, _mm256_cmp_ps(x, least, _CMP_GE_OQ));
    }
    static Register to_exponent(Register a) noexcept {
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(a), 23));
    }
    static Register load_fours(const float* p, Index stride) noexcept {
        return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(p)), _mm_loadu_ps(p + stride), 1);
    }
    static Register repeat_fours(const float* p) noexcept {
        return _mm256_broadcast_ps(reinterpret_cast<const __m128*>(p));
    }
    static void store_fours(float* p, Index stride, Register a, int count) noexcept {
        store_first(p, _mm256_castps256_ps128(a), count);
        store_first(p + stride, _mm256_extractf128_ps(a, 1), count);
    }
    static void transpose_fours(Register (&rows)[4]) noexcept {
        const Register low01 = _mm256_unpacklo_ps(rows[0], rows[1]), high01 = _mm256_unpackhi_ps(rows[0], rows[1]);
        const Register low23 = _mm256_unpacklo_ps(rows[2], rows[3]), high23 = _mm256_unpackhi_ps(rows[2], rows[3]);
        rows[0] = _mm256_shuffle_ps(low01, low23, _MM_SHUFFLE(1, 0, 1, 0));
        rows[1] = _mm256_shuffle_ps(low01, low23, _MM_SHUFFLE(3, 2, 3, 2));
        rows[2] = _mm256_shuffle_ps(high01, high23, _MM_SHUFFLE(1, 0, 1, 0));
        rows[3] = _mm256_shuffle_ps(high01, high23, _MM_SHUFFLE(3, 2, 3, 2));
    }
    static void transpose(Register (&rows)[8]) noexcept {
        Register pairs[8], fours[8];
        for (int i = 0; i < 8; i += 2) {
            pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
            pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
        }
        for (int i = 0; i < 8; i += 4) {
            fours[i] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], _MM_SHUFFLE(1, 0, 1, 0));
            fours[i + 1] = _mm256_shuffle_ps(pairs[i], pairs[i + 2], _MM_SHUFFLE(3, 2, 3, 2));
            fours[i + 2] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], _MM_SHUFFLE(1, 0, 1, 0));
            fours[i + 3] = _mm256_shuffle_ps(pairs[i + 1], pairs[i + 3], _MM_SHUFFLE(3, 2, 3, 2));
        }
        for (int i = 0; i < 4; ++i) {
            rows[i] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20);
            rows[i + 4] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31);
        }
    }
};

struct Avx2F64 {
    using Element = double;
    using Half = Avx2F64;
    using Wide = Avx2F64;
    using Register = __m256d;
    static constexpr Index lanes = 4;
    static constexpr int registers = 16;
    static constexpr int panel_vectors = 2;

    static Register load(const double* p) noexcept { return _mm256_loadu_pd(p); }
    static void store(double* p, Register a) noexcept { _mm256_storeu_pd(p, a); }
    static Register load_partial(const double* p, Index count) noexcept {
        return _mm256_maskload_pd(p, _mm256_cmpgt_epi64(_mm256_set1_epi64x(count), _mm256_setr_epi64x(0, 1, 2, 3)));
    }
    static void store_partial(double* p, Register a, Index count) noexcept {
        __m128d part = _mm256_castpd256_pd128(a);
        if (count & 2) {
            _mm_storeu_pd(p, part);
            part = _mm256_extractf128_pd(a, 1);
            p += 2;
        }
        if (count & 1) _mm_store_sd(p, part);
    }
    static Register load(const float* p) noexcept { return _mm256_cvtps_pd(_mm_loadu_ps(p)); }
    static void store(float* p, Register a) noexcept { _mm_storeu_ps(p, _mm256_cvtpd_ps(a)); }
    static Register load_partial(const float* p, Index count) noexcept {
        return _mm256_cvtps_pd(Avx128F32::load_partial(p, count));
    }
    static void store_partial(float* p, Register a, Index count) noexcept {
        store_first(p, _mm256_cvtpd_ps(a), static_cast<int>(count));
    }
    template <int n>
    static Register down(Register a) noexcept {
        if constexpr (n == 2) return _mm256_permute2f128_pd(a, a, 1);
        else return _mm256_permute_pd(a, 0x5);
    }
    static void hold(Register& a) noexcept { __asm__("" : "+x"(a)); }
    static Register broadcast(double a) noexcept { return _mm256_set1_pd(a); }
    static Register load_broadcast(const double* p) noexcept { return _mm256_broadcast_sd(p); }
    static Register add(Register a, Register b) noexcept { return _mm256_add_pd(a, b); }
    static Register max(Register a, Register b) noexcept { return _mm256_max_pd(a, b); }
    static Register fma(Register a, Register b, Register c) noexcept { return _mm256_fmadd_pd(a, b, c); }
    static Register magnitude(Register a) noexcept { return _mm256_andnot_pd(_mm256_set1_pd(-0.0), a); }
    static Register with_sign(Register a, Register sign) noexcept {
        return _mm256_or_pd(magnitude(a), _mm256_and_pd(_mm256_set1_pd(-0.0), sign));
    }
    static Register select_at_least(Register x, Register least, Register yes, Register no) noexcept {
        return _mm256_blendv_pd(no, yes, _mm256_cmp_pd(x, least, _CMP_GE_OQ));
    }
    static Register to_exponent(Register a) noexcept {
        return _mm256_castsi256_pd(_mm256_slli_epi64(_mm256_castpd_si256(a), 52));
    }
    static void transpose(Register (&rows)[4]) noexcept {
        const Register low01 = _mm256_unpacklo_pd(rows[0], rows[1]), high01 = _mm256_unpackhi_pd(rows[0], rows[1]);
        const Register low23 = _mm256_unpacklo_pd(rows[2], rows[3]), high23 = _mm256_unpackhi_pd(rows[2], rows[3]);
        rows[0] = _mm256_permute2f128_pd(low01, low23, 0x20);
        rows[1] = _mm256_permute2f128_pd(high01, high23, 0x20);
        rows[2] = _mm256_permute2f128_pd(low01, low23, 0x31);
        rows[3] = _mm256_permute2f128_pd(high01, high23, 0x31);
    }
};

}  // namespace
}  // namespace forwardpass
