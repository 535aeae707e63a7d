// Every kernel of every instruction set that runs here against reference_linear, bit for bit (NaN
// for NaN).
//
//   conformance [isa] [--quick N]     one instruction set only; about one case in N, for emulators
//   conformance isa --quick N --case dtype:check:part:number     one case only, as the line behind a failure says
//
// Exit code 1: wrong bits, or an access outside the arrays. 2: wrong arguments.
#include <csignal>
#include <cstdlib>
#include <string>

#include "checker.hpp"
#include "functions.hpp"
#include "layers.hpp"
#include "machine/dispatch.hpp"
#include "networks.hpp"
#include "shared_calls.hpp"

namespace {

using namespace forwardpass;

struct Count {
    Index cases = 0, wrong = 0;
};

template <class T>
struct Check {
    const char* name;
    void (*run)(Checker<T>&);
};

template <class T>
void run(const KernelTable& table, Count& count) {
    const Check<T> checks[] = {
        {"large_layers", check_large_layers},
        {"elementwise", check_elementwise},
        {"networks", check_networks},
        {"deep_networks", check_deep_networks},
        {"activations", check_activations},
        {"row_functions", check_row_functions},
        {"all_layers", check_all_layers},
        {"allocations", check_allocations},
        {"failing_allocations", check_failing_allocations},
        {"negative_zeros", check_negative_zeros},
        {"double_rounding", check_double_rounding},
        {"float_environment", check_float_environment},
        {"shared_panels", check_shared_panels},
        {"concurrent_calls", check_concurrent_calls},
        {"overlapping_jobs", check_overlapping_jobs},
        {"float_environment_of_shared_calls", check_float_environment_of_shared_calls},
    };
    Checker<T> checker(table, kernels_of<T>(table));
    Layers<T>(checker).run();
    Index part = 0;
    for (const Check<T>& check : checks)
        if (checker.begin(check.name, part++)) check.run(checker);
    std::printf("%s %s: %td cases, %td wrong\n", current.isa, current.dtype, checker.cases, checker.wrong);
    std::printf("functions %s: hash %016llx\n", current.dtype,
                static_cast<unsigned long long>(hash_of_functions(checker.kernels)));
    std::fflush(stdout);
    count.cases += checker.cases;
    count.wrong += checker.wrong;
}

// Reads which case is asked for, as print_case writes it.
bool parse_place(const char* text) {
    char dtype[8], check[48];
    Place& only = asked.only;
    if (std::sscanf(text, "%7[^:]:%47[^:]:%td:%td", dtype, check, &only.part, &only.number) != 4) return false;
    only.dtype = dtype, only.check = check;
    return true;
}

extern "C" void on_signal(int number) {
    print_case(number == SIGILL ? "illegal instruction" : "access outside the arrays");
    std::_Exit(1);
}

}  // namespace

int main(int argc, char** argv) {
    std::string isa;
    bool understood = true;
    asked.program = argv[0];
    for (int i = 1; i < argc; ++i) {
        if (std::string(argv[i]) == "--quick" && i + 1 < argc) asked.quick = std::strtol(argv[++i], nullptr, 10);
        else if (std::string(argv[i]) == "--case" && i + 1 < argc) understood &= parse_place(argv[++i]);
        else isa = argv[i];
    }
    understood &= asked.quick >= 1;
    std::vector<const KernelTable*> tables = available_tables();
    if (!isa.empty() || !understood) {
        std::string names;
        for (const KernelTable* table : tables) names += std::string(" ") + table->name;
        const auto named = [&](const KernelTable* table) { return isa == table->name; };
        const auto found = std::find_if(tables.begin(), tables.end(), named);
        if (found == tables.end() || !understood) {
            std::fprintf(stderr,
                         "usage: conformance [isa] [--quick N] [--case dtype:check:part:number], N >= 1; isa:%s\n",
                         names.c_str());
            return 2;
        }
        tables = {*found};
    }
    for (const int number : {SIGSEGV, SIGBUS, SIGILL}) std::signal(number, on_signal);

    Count count;
    for (const KernelTable* table : tables) {
        run<float>(*table, count);
        run<double>(*table, count);
    }
    if (!asked.only.check.empty() && count.cases == 0) {
        std::fprintf(stderr, "--case: there is no such case\n");
        return 2;
    }
    std::printf("%td passed, %td failed\n", count.cases - count.wrong, count.wrong);
    return count.wrong == 0 ? 0 : 1;
}
