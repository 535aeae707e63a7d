#include "machine/cpuid.hpp"

#include <cstring>

#include "kernels/contract.hpp"

#if defined(FORWARDPASS_X86)
#include <cpuid.h>
#endif

namespace forwardpass {
namespace {

// The manuals of Intel and AMD give these bits.
constexpr std::uint32_t fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28;       // ECX of leaf 1
constexpr std::uint32_t avx2 = 1u << 5, avx512f = 1u << 16, avx512vl = 1u << 31;  // EBX of leaf 7
constexpr std::uint64_t avx_state = 1u << 1 | 1u << 2;                            // XCR0: XMM, YMM
constexpr std::uint64_t avx512_state = avx_state | 1u << 5 | 1u << 6 | 1u << 7;   // opmasks, upper halves, ZMM16 to 31

// A CPU without leaf 7 may answer with another leaf.
std::uint32_t leaf7_ebx(const CpuRegisters& cpu) noexcept { return cpu.last_leaf >= 7 ? cpu.leaf7_ebx : 0; }

}  // namespace

CpuRegisters read_cpu_registers() noexcept {
    CpuRegisters cpu;
#if defined(FORWARDPASS_X86)
    std::uint32_t eax, ebx, ecx, edx;
    __cpuid(0, cpu.last_leaf, ebx, ecx, edx);
    std::memcpy(cpu.vendor, &ebx, 4);
    std::memcpy(cpu.vendor + 4, &edx, 4);
    std::memcpy(cpu.vendor + 8, &ecx, 4);
    __cpuid(1, cpu.version, ebx, cpu.leaf1_ecx, edx);
    __cpuid_count(7, 0, eax, cpu.leaf7_ebx, ecx, edx);
    // XGETBV is illegal until the operating system has switched it on. The bit osxsave says that it has.
    if (cpu.leaf1_ecx & osxsave) {
        __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
        cpu.saved_state = std::uint64_t{edx} << 32 | eax;
    }
#endif
    return cpu;
}

// An instruction is legal where the CPU has it and the operating system saves the registers that it writes.
std::uint32_t features_of(const CpuRegisters& cpu) noexcept {
    std::uint32_t features = 0;
    if (!(cpu.leaf1_ecx & avx) || (cpu.saved_state & avx_state) != avx_state) return features;
    if (cpu.leaf1_ecx & fma) features |= feature_fma;
    if (leaf7_ebx(cpu) & avx2) features |= feature_avx2;
    if ((cpu.saved_state & avx512_state) != avx512_state) return features;
    if (leaf7_ebx(cpu) & avx512f) features |= feature_avx512f;
    if (leaf7_ebx(cpu) & avx512vl) features |= feature_avx512vl;
    return features;
}

// Zen 3 and Zen 4 are family 25, and only Zen 4 has AVX-512. CPUID gives the family as a sum of two fields.
bool is_zen4(const CpuRegisters& cpu) noexcept {
    const std::uint32_t family = (cpu.version >> 8 & 0xF) + (cpu.version >> 20 & 0xFF);
    return std::memcmp(cpu.vendor, "AuthenticAMD", sizeof cpu.vendor) == 0 && family == 25 &&
           (leaf7_ebx(cpu) & avx512f);
}

}  // namespace forwardpass
