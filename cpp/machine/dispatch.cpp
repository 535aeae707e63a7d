#include "machine/dispatch.hpp"

#include <atomic>
#include <cstdlib>
#include <stdexcept>

#include "machine/cpuid.hpp"

namespace forwardpass {
namespace {

// Best first.
constexpr const KernelTable* all_tables[] = {
#if defined(FORWARDPASS_X86)
    &avx512_table,
    &avx2_table,
#endif
#if defined(FORWARDPASS_NEON)
    &neon_table,
#endif
    &scalar_table,
};

const KernelTable& table_named(const std::string& name) {
    std::string names;
    for (const KernelTable* table : available_tables()) {
        if (name == table->name) return *table;
        names += (names.empty() ? "" : ", ") + std::string(table->name);
    }
    throw std::invalid_argument("instruction set '" + name +
                                "' is unknown or does not run on this machine; here run: " + names);
}

const KernelTable& table_at_start() {
    const char* forced = std::getenv("FORWARDPASS_ISA");
    if (forced == nullptr || *forced == '\0') return *available_tables().front();
    try {
        return table_named(forced);
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument(std::string("FORWARDPASS_ISA: ") + error.what());
    }
}

// The table for networks that are built from now on. choose_table() changes it.
std::atomic<const KernelTable*>& current_table() {
    static std::atomic<const KernelTable*> table{&table_at_start()};
    return table;
}

}  // namespace

std::vector<const KernelTable*> tables_for(std::uint32_t features) {
    std::vector<const KernelTable*> tables;
    for (const KernelTable* table : all_tables)
        if ((table->required & ~features) == 0) tables.push_back(table);
    return tables;
}

std::vector<const KernelTable*> available_tables() {
    std::uint32_t features = features_of(read_cpu_registers());
#if defined(FORWARDPASS_NEON)
    features |= feature_neon;
#endif
    return tables_for(features);
}

const KernelTable& chosen_table() { return *current_table().load(); }

void choose_table(const std::string& name) { current_table().store(&table_named(name)); }

}  // namespace forwardpass
