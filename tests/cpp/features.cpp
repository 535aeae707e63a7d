// Which instruction sets are chosen: of CPUs that are not there, by the registers they would answer with, and of this
// one.
//
//   features [SET...]     the sets that must run here, best first
//
// Prints the sets that run here. Exit code 1: others than they should be.
#include <cstdio>
#include <cstring>
#include <string>

#include "machine/cpuid.hpp"
#include "machine/dispatch.hpp"

namespace {

using namespace forwardpass;

std::string names(const std::vector<const KernelTable*>& tables) {
    std::string list;
    for (const KernelTable* table : tables) list += (list.empty() ? "" : " ") + std::string(table->name);
    return list;
}

bool same(const char* cpu, const std::string& found, const std::string& expected) {
    if (found == expected) return true;
    std::printf("wrong: %s: %s instead of %s\n", cpu, found.c_str(), expected.c_str());
    return false;
}

constexpr std::uint32_t bit(int number) { return std::uint32_t{1} << number; }

#if defined(FORWARDPASS_X86)

// A second spelling of the bits, from Intel's manual, volume 1, chapters 14 and 15.
constexpr std::uint32_t fma = bit(12), avx = bit(28), avx2 = bit(5), avx512f = bit(16), avx512vl = bit(31);
constexpr std::uint32_t leaf1 = fma | bit(27) | avx, leaf7 = avx2 | avx512f | avx512vl;
constexpr std::uint64_t x87 = 1, sse = 2, ymm = 4, opmask = 0x20, zmm_high = 0x40, zmm16 = 0x80;
constexpr std::uint64_t all_state = x87 | sse | ymm | opmask | zmm_high | zmm16;

struct Cpu {
    const char* name;
    std::uint32_t last_leaf, leaf1_ecx, leaf7_ebx;
    std::uint64_t saved_state;
    const char* expected;
};

const Cpu cpus[] = {
    {"all of it", 7, leaf1, leaf7, all_state, "avx512 avx2 scalar"},
    {"more than we know", 0x20, ~0u, ~0u, ~std::uint64_t{0}, "avx512 avx2 scalar"},
    {"nothing", 0, 0, 0, 0, "scalar"},
    {"no AVX", 7, leaf1 & ~avx, leaf7, all_state, "scalar"},
    {"AVX alone", 7, leaf1 & ~fma, 0, all_state, "scalar"},
    {"AVX2 without FMA", 7, leaf1 & ~fma, leaf7, all_state, "scalar"},
    {"FMA without AVX2", 7, leaf1, leaf7 & ~avx2, all_state, "scalar"},
    {"AVX2 and FMA", 7, leaf1, avx2, x87 | sse | ymm, "avx2 scalar"},
    {"no leaf 7", 6, leaf1, leaf7, all_state, "scalar"},
    {"AVX-512F without VL", 7, leaf1, leaf7 & ~avx512vl, all_state, "avx2 scalar"},
    {"AVX-512VL without F", 7, leaf1, leaf7 & ~avx512f, all_state, "avx2 scalar"},
    {"XCR0 not to be read", 7, leaf1 & ~bit(27), leaf7, 0, "scalar"},
    {"no state", 7, leaf1, leaf7, x87, "scalar"},
    {"SSE state alone", 7, leaf1, leaf7, all_state & ~ymm, "scalar"},
    {"AVX state without SSE", 7, leaf1, leaf7, all_state & ~sse, "scalar"},
    {"no AVX-512 state", 7, leaf1, leaf7, x87 | sse | ymm, "avx2 scalar"},
    {"no opmask state", 7, leaf1, leaf7, all_state & ~opmask, "avx2 scalar"},
    {"no state of ZMM's upper halves", 7, leaf1, leaf7, all_state & ~zmm_high, "avx2 scalar"},
    {"no state of ZMM16 to 31", 7, leaf1, leaf7, all_state & ~zmm16, "avx2 scalar"},
};

bool registers_decide() {
    bool right = true;
    for (const Cpu& cpu : cpus) {
        const CpuRegisters registers{cpu.last_leaf, {}, 0, cpu.leaf1_ecx, cpu.leaf7_ebx, cpu.saved_state};
        right &= same(cpu.name, names(tables_for(features_of(registers))), cpu.expected);
    }
    return right;
}

#else

bool registers_decide() { return same("no x86", features_of(read_cpu_registers()) == 0 ? "" : "features", ""); }

#endif

struct Model {
    const char* name;
    const char* vendor;
    std::uint32_t last_leaf, version, leaf7_ebx;
    bool zen4;
};

const Model models[] = {
    {"Zen 4", "AuthenticAMD", 16, 0x00A10F11, bit(16), true},
    {"Zen 3", "AuthenticAMD", 16, 0x00A20F10, 0, false},
    {"Zen 5", "AuthenticAMD", 26, 0x00B00F21, bit(16), false},
    {"Zen 4 without leaf 7", "AuthenticAMD", 6, 0x00A10F11, bit(16), false},
    {"Zen 4 of another vendor", "GenuineIntel", 16, 0x00A10F11, bit(16), false},
};

bool models_are_told_apart() {
    bool right = true;
    for (const Model& model : models) {
        CpuRegisters registers;
        registers.last_leaf = model.last_leaf;
        std::memcpy(registers.vendor, model.vendor, sizeof registers.vendor);
        registers.version = model.version;
        registers.leaf7_ebx = model.leaf7_ebx;
        right &= same(model.name, is_zen4(registers) ? "Zen 4" : "another", model.zen4 ? "Zen 4" : "another");
    }
    return right;
}

}  // namespace

int main(int argc, char** argv) {
    bool right = registers_decide();
    right &= models_are_told_apart();
    const std::string here = names(available_tables());
    std::string expected;
    for (int i = 1; i < argc; ++i) expected += (expected.empty() ? "" : " ") + std::string(argv[i]);
    if (!expected.empty()) right &= same("this CPU", here, expected);
    std::printf("here run: %s\n", here.c_str());
    return right ? 0 : 1;
}
