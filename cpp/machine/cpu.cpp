#include "machine/cpu.hpp"

#include <unistd.h>

#if defined(FORWARDPASS_X86)
#include <cpuid.h>
#endif

namespace forwardpass {
namespace {

// AMD's Zen 4: family 25 with AVX-512. CPUID tells 15 of the family and the rest apart.
bool is_zen4() {
#if defined(FORWARDPASS_X86)
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!__get_cpuid(0, &a, &b, &c, &d) || b != signature_AMD_ebx || c != signature_AMD_ecx || d != signature_AMD_edx)
        return false;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (a >> 8 & 0xF) + (a >> 20 & 0xFF) != 25) return false;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & bit_AVX512F) != 0;
#else
    return false;
#endif
}

Tuning tuning_of_this_cpu() {
    Tuning found;
#if defined(_SC_LEVEL2_CACHE_SIZE)
    if (const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE); bytes > 0) found.l2_bytes = bytes;
#endif
    // A third faster from memory [log 6].
    if (is_zen4()) found.row_fetch_bytes = 8192;
    return found;
}

}  // namespace

const Tuning& tuning() {
    static const Tuning found = tuning_of_this_cpu();
    return found;
}

}  // namespace forwardpass
