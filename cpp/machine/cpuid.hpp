// What the CPU can do, from CPUID, and what its operating system allows, from XGETBV. We ask them ourselves, because
// the compilers' builtins need a runtime library that neither zig nor clang-cl links.
#pragma once

#include <cstdint>

namespace forwardpass {

// The registers that hold the answers. A test fills them and so plays a CPU that is not there.
struct CpuRegisters {
    std::uint32_t last_leaf = 0;  // EAX of leaf 0
    char vendor[12] = {};         // EBX, EDX and ECX of leaf 0
    std::uint32_t version = 0;    // EAX of leaf 1
    std::uint32_t leaf1_ecx = 0;  // instructions
    std::uint32_t leaf7_ebx = 0;  // more of them; any bits where last_leaf is less than 7
    std::uint64_t saved_state =
        0;  // XCR0: the registers that a switch between threads keeps; 0 where it cannot be read
};

// The registers of this CPU. All are zero where it is not x86.
CpuRegisters read_cpu_registers() noexcept;

// The bits of Feature (kernels/contract.hpp) whose instructions this CPU and system can run.
std::uint32_t features_of(const CpuRegisters& cpu) noexcept;

bool is_zen4(const CpuRegisters& cpu) noexcept;

}  // namespace forwardpass
