// The kernels alone, without Python, against this machine's own ceilings: a slow kernel and a slow
// call are told apart.
//
//   kernel_roofline [--isa NAME] [--seconds 0.2] [DEPTHxOUTPUTS ...]
//
// Each layer runs at several row counts, one thread, in turns with an FMA burst and with a read of as
// many bytes as the weights have. The roof of a layer is the larger of the two times: its
// multiplications at the burst's rate, or its weights at the reading rate.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "machine/cpu.hpp"
#include "machine/dispatch.hpp"
#include "network/packed_weights.hpp"

namespace {

using namespace forwardpass;
using Clock = std::chrono::steady_clock;

constexpr int rounds = 15;
constexpr Index burst_steps = 2000;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Contestants in turns; the median of each one's seconds for one call.
class Timer {
public:
    explicit Timer(double seconds) : seconds_(seconds) {}

    template <class... Functions>
    std::vector<double> operator()(Functions... functions) const {
        std::vector<std::vector<double>> times(sizeof...(functions));
        const std::vector<Index> repeats{repeats_of(functions)...};
        for (int round = 0; round < rounds; ++round) {
            std::size_t i = 0;
            ((times[i].push_back(run(functions, repeats[i])), ++i), ...);
        }
        std::vector<double> medians;
        for (std::vector<double>& t : times) {
            std::nth_element(t.begin(), t.begin() + rounds / 2, t.end());
            medians.push_back(t[rounds / 2]);
        }
        return medians;
    }

private:
    template <class Function>
    static double run(Function& function, Index repeats) {
        const auto start = Clock::now();
        for (Index i = 0; i < repeats; ++i) function();
        return seconds_since(start) / static_cast<double>(repeats);
    }
    template <class Function>
    Index repeats_of(Function& function) const {
        run(function, 1);
        return std::max<Index>(1, static_cast<Index>(seconds_ / rounds / std::max(run(function, 1), 1e-9)));
    }

    double seconds_;
};

template <class T>
void measure(const KernelTable& table, Index depth, Index outputs, const Timer& timer) {
    const Kernels<T>& kernels = kernels_of<T>(table);
    const std::vector<T> w(static_cast<std::size_t>(depth * outputs), T(0.01));
    const PackedWeights<T> weights(kernels, {w.data(), depth, 1, nullptr}, depth, outputs);
    for (const Index rows : {1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 30, 31, 64, 256}) {
        // Rows a cache line more than a power of two apart, as in a network's workspace.
        const Index x_stride = padded<T>(depth) + line_elements<T>, y_stride = padded<T>(outputs) + line_elements<T>;
        const std::vector<T> x(static_cast<std::size_t>(rows * x_stride), T(0.5));
        std::vector<T> y(static_cast<std::size_t>(rows * y_stride));
        const bool from_memory = !fits(Cache::any, weights.bytes());
        AlignedBuffer<T> scratch(rows * kernels.scratch_per_row(depth, from_memory));
        volatile T sink;
        const auto reader = [&](Index streams) {
            return [&, streams] {
                sink = kernels.read_sum(weights.panels(), weights.bytes() / static_cast<Index>(sizeof(T)), streams);
            };
        };
        const auto times = timer(
            [&] {
                kernels.linear({weights.panels(), depth, outputs, Activation{Function::relu}, from_memory,
                                tuning().row_fetch_bytes / static_cast<Index>(sizeof(T))},
                               {x.data(), x_stride, y.data(), y_stride, rows, depth}, scratch.data());
            },
            [&] { sink = kernels.fma_burst(burst_steps); }, reader(1), reader(2), reader(4), reader(8));
        const double reading = *std::min_element(times.begin() + 2, times.end());
        const double flops = 2.0 * static_cast<double>(depth * outputs * rows);
        const double peak = static_cast<double>(burst_steps * kernels.fma_burst_flops) / times[1];
        const double roof = std::max(flops / peak, reading);
        std::printf("| %s | %s | %td x %td | %td | %.4g | %.4g | %.1f | %.0f%% of %s |\n", table.name,
                    sizeof(T) == 4 ? "float32" : "float64", depth, outputs, rows, times[0] * 1e6,
                    times[0] * 1e6 / static_cast<double>(rows), flops / times[0] / 1e9, 100 * roof / times[0],
                    roof > reading ? "FMA" : "reading");
        std::fflush(stdout);
    }
}

}  // namespace

int main(int argc, char** argv) {
    double seconds = 0.2;
    std::string isa = chosen_table().name;
    std::vector<std::pair<Index, Index>> shapes;
    for (int i = 1; i < argc; ++i) {
        const std::string argument = argv[i];
        long depth = 0, outputs = 0;
        if (argument == "--seconds" && i + 1 < argc) seconds = std::atof(argv[++i]);
        else if (argument == "--isa" && i + 1 < argc) isa = argv[++i];
        else if (std::sscanf(argument.c_str(), "%ldx%ld", &depth, &outputs) == 2) shapes.push_back({depth, outputs});
        else return std::fprintf(stderr, "unknown argument %s\n", argv[i]), 2;
    }
    if (shapes.empty())
        shapes = {{17, 64}, {64, 64}, {256, 256}, {784, 512}, {1024, 1024}, {4096, 16}, {16, 4096}, {10000, 1}};
    try {
        choose_table(isa);
    } catch (const std::exception& error) {
        return std::fprintf(stderr, "%s\n", error.what()), 2;
    }
    std::printf(
        "| ISA | dtype | layer | rows | us | us for each row | GFLOP/s | of the roof "
        "|\n|---|---|---|---|---|---|---|---|\n");
    for (const auto& [depth, outputs] : shapes) {
        measure<float>(chosen_table(), depth, outputs, Timer(seconds));
        measure<double>(chosen_table(), depth, outputs, Timer(seconds));
    }
}
