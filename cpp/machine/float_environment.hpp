// Makes a thread round to nearest, keep subnormals and take no traps, whatever the caller had set.
#pragma once

#if defined(FORWARDPASS_X86)
#include <xmmintrin.h>
#endif

#include <cstdint>

namespace forwardpass {

// The register that says how a thread computes.
struct FloatControl {
#if defined(FORWARDPASS_X86)
    using Value = std::uint32_t;
    static constexpr Value standard = 0x1F80;      // MXCSR at reset: all exceptions masked
    static constexpr Value status_flags = 0x003F;  // what has happened, not how to compute
    static Value read() noexcept { return _mm_getcsr(); }
    static void write(Value value) noexcept { _mm_setcsr(value); }
    static bool is_standard(Value value) noexcept { return (value & ~status_flags) == standard; }
#elif defined(FORWARDPASS_NEON)
    using Value = std::uint64_t;
    static constexpr Value standard = 0;  // FPCR at reset
    static Value read() noexcept {
        Value value;
        __asm__ volatile("mrs %0, fpcr" : "=r"(value));
        return value;
    }
    static void write(Value value) noexcept { __asm__ volatile("msr fpcr, %0" : : "r"(value)); }
    static bool is_standard(Value value) noexcept { return value == standard; }
#else
    using Value = std::uint32_t;
    static constexpr Value standard = 0;
    static Value read() noexcept { return standard; }
    static void write(Value) noexcept {}
    static bool is_standard(Value) noexcept { return true; }
#endif
};

// Flush-to-zero, denormals-are-zero and the rounding mode would change result bits. Each thread has its own, new
// threads inherit them, and other libraries switch them. The object writes the control register only where it differs,
// and puts the old value back at the end.
class StandardFloatEnvironment {
public:
    StandardFloatEnvironment() noexcept : found_(FloatControl::read()) {
        if (!FloatControl::is_standard(found_)) FloatControl::write(FloatControl::standard);
    }
    ~StandardFloatEnvironment() {
        if (!FloatControl::is_standard(found_)) FloatControl::write(found_);
    }
    StandardFloatEnvironment(const StandardFloatEnvironment&) = delete;
    StandardFloatEnvironment& operator=(const StandardFloatEnvironment&) = delete;

private:
    FloatControl::Value found_;
};

}  // namespace forwardpass
