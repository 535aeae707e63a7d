// Every kernel of every instruction set that runs here against reference_linear, bit for bit (NaN
// for NaN).
//
//   conformance [isa] [--quick N]     one instruction set only; about one case in N, for emulators
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
void run(const KernelTable& table, Index quick, Count& count) {
    Checker<T> checker(table, kernels_of<T>(table), quick);
    Layers<T>(checker).run();
    check_large_layers(checker);
    current.layout = "C";
    check_elementwise(checker);
    check_networks(checker);
    check_deep_networks(checker);
    check_activations(checker);
    check_row_functions(checker);
    check_all_layers(checker);
    check_allocations(checker);
    check_failing_allocations(checker);
    check_negative_zeros(checker);
    if constexpr (sizeof(T) == 4) check_double_rounding(checker);
    check_float_environment(checker);
    check_shared_panels(checker);
    check_concurrent_calls(checker);
    check_overlapping_jobs(checker);
    check_float_environment_of_shared_calls(checker);
    std::printf("%s %s: %td cases, %td wrong\n", current.isa, current.dtype, checker.cases, checker.wrong);
    std::printf("functions %s: hash %016llx\n", current.dtype,
                static_cast<unsigned long long>(hash_of_functions(checker.kernels)));
    std::fflush(stdout);
    count.cases += checker.cases;
    count.wrong += checker.wrong;
}

extern "C" void on_signal(int number) {
    print_case(number == SIGILL ? "illegal instruction" : "access outside the arrays");
    std::_Exit(1);
}

}  // namespace

int main(int argc, char** argv) {
    std::string isa;
    long quick = 1;
    for (int i = 1; i < argc; ++i) {
        if (std::string(argv[i]) == "--quick" && i + 1 < argc) quick = std::strtol(argv[++i], nullptr, 10);
        else isa = argv[i];
    }
    std::vector<const KernelTable*> tables = available_tables();
    if (!isa.empty() || quick < 1) {
        std::string names;
        for (const KernelTable* table : tables) names += std::string(" ") + table->name;
        const auto named = [&](const KernelTable* table) { return isa == table->name; };
        const auto found = std::find_if(tables.begin(), tables.end(), named);
        if (found == tables.end() || quick < 1) {
            std::fprintf(stderr, "usage: conformance [isa] [--quick N], N >= 1; here run:%s\n", names.c_str());
            return 2;
        }
        tables = {*found};
    }
    for (const int number : {SIGSEGV, SIGBUS, SIGILL}) std::signal(number, on_signal);

    Count count;
    for (const KernelTable* table : tables) {
        run<float>(*table, quick, count);
        run<double>(*table, quick, count);
    }
    std::printf("%td passed, %td failed\n", count.cases - count.wrong, count.wrong);
    return count.wrong == 0 ? 0 : 1;
}
