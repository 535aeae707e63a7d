// The thread's floating-point control register, without its status flags.
#pragma once

#include <cstdint>

#if defined(FORWARDPASS_X86)
#include <xmmintrin.h>
#endif

namespace forwardpass {

#if defined(FORWARDPASS_X86)
constexpr std::uint64_t flush_to_zero = 0x8040;  // FTZ and DAZ
inline std::uint64_t float_control() { return _mm_getcsr() & ~0x3Fu; }
inline void set_float_control(std::uint64_t control) { _mm_setcsr(static_cast<unsigned>(control)); }
#elif defined(FORWARDPASS_NEON)
constexpr std::uint64_t flush_to_zero = std::uint64_t{1} << 24;  // FZ
inline std::uint64_t float_control() {
    std::uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    return control;
}
inline void set_float_control(std::uint64_t control) { __asm__ volatile("msr fpcr, %0" : : "r"(control)); }
#else
constexpr std::uint64_t flush_to_zero = 0;
inline std::uint64_t float_control() { return 0; }
inline void set_float_control(std::uint64_t) {}
#endif

}  // namespace forwardpass
