#include "cpu.hpp"

#include <unistd.h>

#if defined(FORWARDPASS_X86)
#include <cpuid.h>
#endif

namespace forwardpass {
namespace {

// AMD's family 26: Zen 5, and what comes after it, which is taken for alike. CPUID tells 15 and the rest apart.
bool is_zen5() {
#if defined(FORWARDPASS_X86)
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(0, &a, &b, &c, &d) || b != signature_AMD_ebx || c != signature_AMD_ecx || d != signature_AMD_edx)
        return false;
    if (!__get_cpuid(1, &a, &b, &c, &d)) return false;
    return (a >> 8 & 0xF) + (a >> 20 & 0xFF) == 26;
#else
    return false;
#endif
}

}  // namespace

Index l2_bytes() {
    static const Index bytes = [] {
#if defined(_SC_LEVEL2_CACHE_SIZE)
        if (const long found = sysconf(_SC_LEVEL2_CACHE_SIZE); found > 0) return static_cast<Index>(found);
#endif
        return Index{512} << 10;
    }();
    return bytes;
}

Index fetch_distance_bytes() { return 8192; }

}  // namespace forwardpass
