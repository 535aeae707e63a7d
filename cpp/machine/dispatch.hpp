// Which instruction set networks use: the best one that runs here, or one that the user forces.
#pragma once

#include <string>
#include <vector>

#include "kernels/contract.hpp"

namespace forwardpass {

// The tables that need no other bits of Feature than these, best first. The last one is "scalar".
std::vector<const KernelTable*> tables_for(std::uint32_t features);

// The tables that this CPU and operating system can run.
std::vector<const KernelTable*> available_tables();

// The table that networks built from now on will use. The first call reads FORWARDPASS_ISA.
// Throws std::invalid_argument as choose_table does.
const KernelTable& chosen_table();

// Forces a table by name. Throws std::invalid_argument, listing what runs here, for a name that
// is unknown or not supported.
void choose_table(const std::string& name);

template <class T>
const Kernels<T>& kernels_of(const KernelTable& table);

template <>
inline const Kernels<float>& kernels_of(const KernelTable& table) {
    return table.f32;
}

template <>
inline const Kernels<double>& kernels_of(const KernelTable& table) {
    return table.f64;
}

}  // namespace forwardpass
