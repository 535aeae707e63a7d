// AArch64 Advanced SIMD: 32 registers of 16 bytes, part of every AArch64 CPU.
#include <arm_neon.h>

#include "kernels/make_kernels.hpp"

namespace forwardpass {
namespace {

struct NeonF64;

struct NeonF32 {
    using Element = float;
    using Half = NeonF32;
    using Wide = NeonF64;
    using Register = float32x4_t;
    static constexpr Index lanes = 4;
    static constexpr int registers = 32;
    static constexpr int panel_vectors = 4;

    static Register load(const float* p) noexcept { return vld1q_f32(p); }
    static void store(float* p, Register a) noexcept { vst1q_f32(p, a); }
    static Register load_partial(const float* p, Index count) noexcept {
        float part[4] = {};
        for (Index i = 0; i < count && i < 4; ++i) part[i] = p[i];
        return vld1q_f32(part);
    }
    static void store_partial(float* p, Register a, Index count) noexcept {
        float32x2_t part = vget_low_f32(a);
        if (count & 2) {
            vst1_f32(p, part);
            part = vget_high_f32(a);
            p += 2;
        }
        if (count & 1) *p = vget_lane_f32(part, 0);
    }
    static void hold(Register& a) noexcept { __asm__("" : "+w"(a)); }
    static Register broadcast(float a) noexcept { return vdupq_n_f32(a); }
    static Register load_broadcast(const float* p) noexcept { return vld1q_dup_f32(p); }
    static Register add(Register a, Register b) noexcept { return vaddq_f32(a, b); }
    static Register max(Register a, Register b) noexcept { return vmaxq_f32(a, b); }
    static Register fma(Register a, Register b, Register c) noexcept { return vfmaq_f32(c, a, b); }
    static Register magnitude(Register a) noexcept { return vabsq_f32(a); }
    static Register with_sign(Register a, Register sign) noexcept {
        return vbslq_f32(vdupq_n_u32(0x80000000), sign, a);
    }
    static Register select_at_least(Register x, Register least, Register yes, Register no) noexcept {
        return vbslq_f32(vcgeq_f32(x, least), yes, no);
    }
    static Register to_exponent(Register a) noexcept {
        return vreinterpretq_f32_u32(vshlq_n_u32(vreinterpretq_u32_f32(a), 23));
    }
    static void transpose(Register (&rows)[4]) noexcept {
        const float64x2_t low01 = vreinterpretq_f64_f32(vzip1q_f32(rows[0], rows[1]));
        const float64x2_t high01 = vreinterpretq_f64_f32(vzip2q_f32(rows[0], rows[1]));
        const float64x2_t low23 = vreinterpretq_f64_f32(vzip1q_f32(rows[2], rows[3]));
        const float64x2_t high23 = vreinterpretq_f64_f32(vzip2q_f32(rows[2], rows[3]));
        rows[0] = vreinterpretq_f32_f64(vzip1q_f64(low01, low23));
        rows[1] = vreinterpretq_f32_f64(vzip2q_f64(low01, low23));
        rows[2] = vreinterpretq_f32_f64(vzip1q_f64(high01, high23));
        rows[3] = vreinterpretq_f32_f64(vzip2q_f64(high01, high23));
    }
};

struct NeonF64 {
    using Element = double;
    using Half = NeonF64;
    using Wide = NeonF64;
    using Register = float64x2_t;
    static constexpr Index lanes = 2;
    static constexpr int registers = 32;
    static constexpr int panel_vectors = 4;

    static Register load(const double* p) noexcept { return vld1q_f64(p); }
    static void store(double* p, Register a) noexcept { vst1q_f64(p, a); }
    static Register load_partial(const double* p, Index count) noexcept {
        return count < 2 ? vsetq_lane_f64(*p, vdupq_n_f64(0), 0) : vld1q_f64(p);
    }
    static void store_partial(double* p, Register a, Index) noexcept { *p = vgetq_lane_f64(a, 0); }
    static Register load(const float* p) noexcept { return vcvt_f64_f32(vld1_f32(p)); }
    static void store(float* p, Register a) noexcept { vst1_f32(p, vcvt_f32_f64(a)); }
    static Register load_partial(const float* p, Index count) noexcept {
        return count < 2 ? vsetq_lane_f64(static_cast<double>(*p), vdupq_n_f64(0), 0) : load(p);
    }
    static void store_partial(float* p, Register a, Index) noexcept { *p = static_cast<float>(vgetq_lane_f64(a, 0)); }
    template <int>
    static Register down(Register a) noexcept {
        return vextq_f64(a, a, 1);
    }
    static void hold(Register& a) noexcept { __asm__("" : "+w"(a)); }
    static Register broadcast(double a) noexcept { return vdupq_n_f64(a); }
    static Register load_broadcast(const double* p) noexcept { return vld1q_dup_f64(p); }
    static Register add(Register a, Register b) noexcept { return vaddq_f64(a, b); }
    static Register max(Register a, Register b) noexcept { return vmaxq_f64(a, b); }
    static Register fma(Register a, Register b, Register c) noexcept { return vfmaq_f64(c, a, b); }
    static Register magnitude(Register a) noexcept { return vabsq_f64(a); }
    static Register with_sign(Register a, Register sign) noexcept {
        return vbslq_f64(vdupq_n_u64(0x8000000000000000), sign, a);
    }
    static Register select_at_least(Register x, Register least, Register yes, Register no) noexcept {
        return vbslq_f64(vcgeq_f64(x, least), yes, no);
    }
    static Register to_exponent(Register a) noexcept {
        return vreinterpretq_f64_u64(vshlq_n_u64(vreinterpretq_u64_f64(a), 52));
    }
    static void transpose(Register (&rows)[2]) noexcept {
        const Register low = vzip1q_f64(rows[0], rows[1]);
        rows[1] = vzip2q_f64(rows[0], rows[1]);
        rows[0] = low;
    }
};

}  // namespace

const KernelTable neon_table{"neon", feature_neon, make_kernels<NeonF32>(), make_kernels<NeonF64>()};

}  // namespace forwardpass
