// How wrong the activations are in float32, in units in the last place, against the C library in double; that they
// rise where the functions do; and NaN for NaN. And a hash of all results, which is the same on every instruction set.
//
//   ulp [isa] [--step N] [--only NAME]     every Nth of the 2^32 floats, in rising order; 1 for all of them
//
// Exit code 1: more than two units, or a function that falls. 2: wrong arguments. (tests/layers/test_activations.py has
// float64, against more digits.)
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "machine/dispatch.hpp"

namespace {

using namespace forwardpass;

double sigmoid(double x) {
    const double e = std::exp(-std::fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}
// x times a share of it, 0 where that share is.
double times(double x, double share) { return share == 0 ? std::copysign(0.0, x) : x * share; }
double selu(double x) {
    return 1.0507009873554804934193349852946 * (x > 0 ? x : 1.6732632423543772848170429916717 * std::expm1(x));
}
double gelu(double x) { return times(x, 0.5 * std::erfc(-x / std::sqrt(2.0))); }
double gelu_tanh(double x) {
    const double bounded = std::clamp(x, -100.0, 100.0);
    return times(x, sigmoid(std::sqrt(8 / M_PI) * (bounded + 0.044715 * bounded * bounded * bounded)));
}
double softplus(double x) { return x > 20 ? x : std::log1p(std::exp(x)); }
double softplus_of(double x, float beta, float threshold) {
    const double v = static_cast<double>(beta) * x;
    return static_cast<float>(v) > threshold ? x : std::log1p(std::exp(v)) / static_cast<double>(beta);
}

double celu_of(double x, float alpha) {
    const double a = static_cast<double>(alpha);
    return x > 0 ? x : a * std::expm1(x / a);
}
// tanh(log(1 + e)) = n / (n + 2), n = e (e + 2).
double mish(double x) {
    const double e = std::exp(std::min(x, 100.0)), n = e * (e + 2);
    return times(x, n / (n + 2));
}

struct Tested {
    const char* name;
    Activation activation;
    double (*exact)(double);
    bool rises;
};

const Tested tested[] = {
    {"relu", {Function::relu}, [](double x) { return x > 0 ? x : 0; }, true},
    {"leaky_relu", {Function::leaky_relu, 0.25}, [](double x) { return x > 0 ? x : x / 4; }, true},
    {"elu", {Function::elu, 1}, [](double x) { return x > 0 ? x : std::expm1(x); }, true},
    {"elu, alpha 0.3", {Function::elu, 0.3f}, [](double x) { return x > 0 ? x : 0.3f * std::expm1(x); }, true},
    {"elu, alpha 3e38", {Function::elu, 3e38f}, [](double x) { return x > 0 ? x : 3e38f * std::expm1(x); }, true},
    {"elu, alpha 1e-37", {Function::elu, 1e-37f}, [](double x) { return x > 0 ? x : 1e-37f * std::expm1(x); }, true},
    {"selu", {Function::selu}, selu, true},
    {"gelu", {Function::gelu}, gelu, false},
    {"gelu_tanh", {Function::gelu_tanh}, gelu_tanh, false},
    {"silu", {Function::silu}, [](double x) { return times(x, sigmoid(x)); }, false},
    {"tanh", {Function::tanh}, [](double x) { return std::tanh(x); }, true},
    {"sigmoid", {Function::sigmoid}, sigmoid, true},
    {"softplus", {Function::softplus, 1, 20}, softplus, true},
    {"softplus, 3, 1",
     {Function::softplus, 3, 1},
     [](double x) { return softplus_of(x, 3, 1); },
     false},  // it jumps at its threshold
    {"softplus, 1e-4", {Function::softplus, 1e-4f, 20}, [](double x) { return softplus_of(x, 1e-4f, 20); }, true},
    {"softplus, 1e-37", {Function::softplus, 1e-37f, 20}, [](double x) { return softplus_of(x, 1e-37f, 20); }, true},
    {"softplus, 1e37", {Function::softplus, 1e37f, 20}, [](double x) { return softplus_of(x, 1e37f, 20); }, true},
    {"hardtanh", {Function::hardtanh, -1, 1}, [](double x) { return std::clamp(x, -1.0, 1.0); }, true},
    {"celu", {Function::celu, 1}, [](double x) { return x > 0 ? x : std::expm1(x); }, true},
    {"celu, alpha 0.3", {Function::celu, 0.3f}, [](double x) { return celu_of(x, 0.3f); }, false},
    {"celu, alpha 1e30", {Function::celu, 1e30f}, [](double x) { return celu_of(x, 1e30f); }, false},
    {"celu, alpha 1e-30", {Function::celu, 1e-30f}, [](double x) { return celu_of(x, 1e-30f); }, false},
    {"mish", {Function::mish}, mish, false},
    {"softsign",
     {Function::softsign},
     [](double x) { return std::isinf(x) ? std::copysign(1.0, x) : x / (1 + std::fabs(x)); },
     true},
    {"hardswish",
     {Function::hardswish},
     [](double x) { return x > -3 ? x * std::min(x + 3, 6.0) / 6 : std::copysign(0.0, x); },
     false},
    {"hardsigmoid", {Function::hardsigmoid}, [](double x) { return std::clamp(x + 3, 0.0, 6.0) / 6; }, true},
};

// Float number `place` in rising order, NaN at both ends.
float float_at(std::uint64_t place) {
    const auto bits = static_cast<std::uint32_t>(place);
    const std::uint32_t flipped = bits & 0x80000000u ? bits ^ 0x80000000u : ~bits;
    float value;
    std::memcpy(&value, &flipped, sizeof value);
    return value;
}

double unit_in_last_place(double y) {
    int exponent;
    std::frexp(y, &exponent);
    return y == 0 ? 0x1p-149 : std::ldexp(1.0, std::max(exponent - 24, -149));
}

struct Worst {
    double units = 0;
    float x = 0;
    std::uint64_t falls = 0, wrong = 0;  // at so many x; NaN or infinity where there should be none, or the reverse
    std::uint64_t hash = 0xCBF29CE484222325u;
};

// FNV-1a, of four bytes at a time; NaN as NaN.
std::uint64_t hashed(std::uint64_t hash, float y) {
    std::uint32_t bits = 0x7FC00000u;
    if (!std::isnan(y)) std::memcpy(&bits, &y, sizeof bits);
    return (hash ^ bits) * 0x100000001B3u;
}

Worst measure(const Kernels<float>& kernels, const Tested& test, std::uint64_t begin, std::uint64_t end,
              std::uint64_t step) {
    constexpr std::size_t most = 4096;
    std::vector<float> x(most), y(most);
    Worst worst;
    float before = -std::numeric_limits<float>::infinity();
    while (begin < end) {
        std::size_t count = 0;
        for (; count < most && begin < end; begin += step) x[count++] = float_at(begin);
        kernels.activate(test.activation, x.data(), y.data(), static_cast<Index>(count));
        for (std::size_t i = 0; i < count; ++i) {
            const double exact = test.exact(static_cast<double>(x[i]));
            const float rounded = static_cast<float>(exact);
            worst.hash = hashed(worst.hash, y[i]);
            if (std::isnan(x[i]) || std::isinf(rounded)) {
                worst.wrong += std::isnan(x[i]) ? !std::isnan(y[i]) : y[i] != rounded;
                continue;
            }
            worst.wrong += !std::isfinite(y[i]) || (exact == 0 && std::signbit(y[i]) != std::signbit(rounded));
            worst.falls += test.rises && y[i] < before;
            before = y[i];
            const double units = std::fabs(static_cast<double>(y[i]) - exact) / unit_in_last_place(exact);
            if (units > worst.units) worst.units = units, worst.x = x[i];
        }
    }
    return worst;
}

// A half each on two threads, which are as many as help on most machines that test.
Worst measure(const Kernels<float>& kernels, const Tested& test, std::uint64_t step) {
    constexpr std::uint64_t all = std::uint64_t{1} << 32;
    Worst below, above;
    std::thread other([&] { below = measure(kernels, test, 0, all / 2, step); });
    above = measure(kernels, test, all / 2, all, step);
    other.join();
    Worst worst = below.units > above.units ? below : above;
    worst.falls = below.falls + above.falls;
    worst.wrong = below.wrong + above.wrong;
    worst.hash = below.hash ^ above.hash * 31;
    return worst;
}

}  // namespace

int main(int argc, char** argv) {
    std::string isa, only;
    long step = 997;
    for (int i = 1; i < argc; ++i) {
        if (std::string(argv[i]) == "--step" && i + 1 < argc) step = std::strtol(argv[++i], nullptr, 10);
        else if (std::string(argv[i]) == "--only" && i + 1 < argc) only = argv[++i];
        else isa = argv[i];
    }
    const std::vector<const KernelTable*> tables = available_tables();
    const KernelTable* table = isa.empty() ? tables.front() : nullptr;
    for (const KernelTable* each : tables)
        if (isa == each->name) table = each;
    if (table == nullptr || step < 1) {
        std::fprintf(stderr, "usage: ulp [isa] [--step N] [--only NAME], N >= 1\n");
        return 2;
    }
    bool right = true;
    for (const Tested& test : tested) {
        if (!only.empty() && only != test.name) continue;
        const Worst worst = measure(table->f32, test, static_cast<std::uint64_t>(step));
        const bool holds = worst.units <= 2 && worst.falls == 0 && worst.wrong == 0;
        std::printf("%-8s %-16s %.4f units at %-14.9g falls %llu, special wrong %llu, hash %016llx%s\n", table->name,
                    test.name, worst.units, static_cast<double>(worst.x), static_cast<unsigned long long>(worst.falls),
                    static_cast<unsigned long long>(worst.wrong), static_cast<unsigned long long>(worst.hash),
                    holds ? "" : "  WRONG");
        std::fflush(stdout);
        right &= holds;
    }
    return right ? 0 : 1;
}
