// Round to nearest, subnormals kept, no traps, whatever the caller's thread was set to.
#pragma once

#if defined(FORWARDPASS_X86)
#include <xmmintrin.h>
#else
#include <cstdint>
#endif

namespace forwardpass {

// Flush-to-zero, denormals-are-zero and the rounding mode are per thread, inherited by new
// threads and switched by other libraries; all would change result bits. The control register is
// written only where it differs, and put back at the end.
class StandardFloatEnvironment {
public:
    StandardFloatEnvironment() noexcept : saved_(read()) {
        if (!is_standard(saved_)) write(standard);
    }
    ~StandardFloatEnvironment() {
        if (!is_standard(saved_)) write(saved_);
    }
    StandardFloatEnvironment(const StandardFloatEnvironment&) = delete;
    StandardFloatEnvironment& operator=(const StandardFloatEnvironment&) = delete;

private:
#if defined(FORWARDPASS_X86)
    using Control = unsigned int;
    static constexpr Control standard = 0x1F80;      // MXCSR at reset: all exceptions masked
    static constexpr Control status_flags = 0x003F;  // what has happened, not how to compute
    static Control read() noexcept { return _mm_getcsr(); }
    static void write(Control control) noexcept { _mm_setcsr(control); }
    static bool is_standard(Control control) noexcept { return (control & ~status_flags) == standard; }
#elif defined(FORWARDPASS_NEON)
    using Control = std::uint64_t;
    static constexpr Control standard = 0;  // FPCR at reset
    static Control read() noexcept {
        Control control;
        __asm__ volatile("mrs %0, fpcr" : "=r"(control));
        return control;
    }
    static void write(Control control) noexcept { __asm__ volatile("msr fpcr, %0" : : "r"(control)); }
    static bool is_standard(Control control) noexcept { return control == standard; }
#else
    using Control = std::uint32_t;
    static constexpr Control standard = 0;
    static Control read() noexcept { return standard; }
    static void write(Control) noexcept {}
    static bool is_standard(Control) noexcept { return true; }
#endif
    Control saved_;
};

}  // namespace forwardpass
