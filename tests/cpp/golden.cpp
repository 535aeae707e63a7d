// The golden file: 5,000 layers whose result bits every instruction set, compiler and optimisation must give.
//
//   golden FILE [--every N]     every Nth case against the file, on each instruction set that runs here
//   golden FILE --case N        case N alone, as the line behind a failure says
//   golden FILE --write         the file, made by the reference kernel
//
// The file holds one little-endian hash of eight bytes for each case. A case is made of its number alone, so
// that forwardpass/selfcheck/golden.py makes the same one.
//
//   exit code 1: other bits, 2: no such file
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "machine/dispatch.hpp"
#include "network/network.hpp"

namespace {

using namespace forwardpass;

constexpr std::uint64_t cases = 5000;

const Activation activations[] = {{Function::identity},
                                  {Function::relu},
                                  {Function::leaky_relu, 0.01},
                                  {Function::elu, 1},
                                  {Function::selu},
                                  {Function::gelu},
                                  {Function::gelu_tanh},
                                  {Function::silu},
                                  {Function::tanh},
                                  {Function::sigmoid},
                                  {Function::softplus, 1, 20},
                                  {Function::hardtanh, -1, 1},
                                  {Function::identity},
                                  {Function::identity},
                                  {Function::relu},
                                  {Function::relu}};

// Number k of a case: the finaliser of splitmix64 (Steele, Lea, Flood, 2014) of both.
std::uint64_t draw(std::uint64_t number, std::uint64_t k) {
    std::uint64_t z = (number << 32 | k) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

template <class T>
std::vector<T> numbers(std::uint64_t number, std::uint64_t first, Index count) {
    using Limits = std::numeric_limits<T>;
    const T specials[] = {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity(), T(-0.0),
                          Limits::max(),       -Limits::max(),     Limits::denorm_min()};
    const std::uint64_t kind = draw(number, 8) % 4;
    std::vector<T> values(static_cast<std::size_t>(count));
    for (T& value : values) {
        const std::uint64_t a = draw(number, first), b = draw(number, first + 1);
        first += 2;
        const double real = static_cast<double>(static_cast<std::int64_t>(a)) * 0x1p-63;
        if (kind == 1) value = static_cast<T>(static_cast<int>(a % 17) - 8);
        else if (kind == 2) value = static_cast<T>(std::ldexp(real, static_cast<int>(b % 41) - 20));
        else if (kind == 3 && b % 16 == 0) value = specials[(b >> 8) % 7];
        else value = static_cast<T>(real);
    }
    return values;
}

// Sum of bits * P^i modulo 2^64, every NaN with the same bits.
template <class T>
std::uint64_t hash(const std::vector<T>& values) {
    using Limits = std::numeric_limits<T>;
    std::uint64_t sum = 0, power = 1;
    for (const T value : values) {
        const T one = std::isnan(value) ? Limits::quiet_NaN() : value;
        std::uint64_t bits = 0;
        std::memcpy(&bits, &one, sizeof one);
        sum += bits * power;
        power *= 6364136223846793005u;
    }
    return sum;
}

struct Shape {
    Index rows, depth, outputs;
    bool bias;
    Activation activation;
};

Shape shape_of(std::uint64_t number) {
    const auto below = [&](std::uint64_t k, std::uint64_t end) { return static_cast<Index>(draw(number, k) % end); };
    Shape shape{1 + below(1, 12), 0, 1 + below(4, 100), draw(number, 6) % 2 == 1, activations[below(7, 16)]};
    switch (below(2, 8)) {
        case 0: shape.depth = below(3, 4); break;
        case 6: shape.depth = 1 + below(3, 700); break;
        case 7: shape.depth = 4056 + below(3, 80); break;  // around 16 superblocks, a group
        default: shape.depth = 1 + below(3, 130); break;
    }
    if (below(5, 8) == 0) shape.outputs = 1;
    return shape;
}

template <class T>
std::uint64_t hash_of(std::uint64_t number, const KernelTable* table) {
    const Shape shape = shape_of(number);
    const Index x_count = shape.rows * shape.depth, w_count = shape.outputs * shape.depth;
    const std::uint64_t w_first = 16 + 2 * static_cast<std::uint64_t>(x_count),
                        b_first = w_first + 2 * static_cast<std::uint64_t>(w_count);
    const std::vector<T> x = numbers<T>(number, 16, x_count), w = numbers<T>(number, w_first, w_count),
                         b = numbers<T>(number, b_first, shape.outputs);
    const T* const bias = shape.bias ? b.data() : nullptr;
    std::vector<T> y(static_cast<std::size_t>(shape.rows * shape.outputs));
    if (table == nullptr) {
        reference_linear(x.data(), w.data(), bias, y.data(), shape.rows, shape.depth, shape.outputs, shape.activation);
    } else {
        const Kernels<T>& kernels = kernels_of<T>(*table);
        const WeightSource<T> source{w.data(), shape.depth, 1, bias};
        const auto weights = std::make_shared<PackedWeights<T>>(kernels, source, shape.depth, shape.outputs);
        Network<T>(kernels, {weights, shape.activation})
            .run({x.data(), shape.depth, y.data(), shape.outputs, shape.rows, shape.depth}, 1, [] { return false; });
    }
    return hash(y);
}

std::uint64_t hash_of(std::uint64_t number, const KernelTable* table) {
    return draw(number, 0) % 2 == 0 ? hash_of<float>(number, table) : hash_of<double>(number, table);
}

int write(const char* path) {
    std::FILE* const file = std::fopen(path, "wb");
    if (file == nullptr) return 2;
    for (std::uint64_t number = 0; number < cases; ++number) {
        const std::uint64_t value = hash_of(number, nullptr);
        for (int byte = 0; byte < 8; ++byte) std::fputc(static_cast<int>(value >> (8 * byte) & 0xFF), file);
    }
    return std::fclose(file) == 0 ? 0 : 2;
}

std::vector<std::uint64_t> read(const char* path) {
    std::vector<std::uint64_t> hashes;
    std::FILE* const file = std::fopen(path, "rb");
    if (file == nullptr) return hashes;
    unsigned char bytes[8];
    while (std::fread(bytes, 1, 8, file) == 8) {
        std::uint64_t value = 0;
        for (int byte = 7; byte >= 0; --byte) value = value << 8 | bytes[byte];
        hashes.push_back(value);
    }
    std::fclose(file);
    return hashes;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc == 3 && std::string(argv[2]) == "--write") return write(argv[1]);
    const std::string option = argc == 4 ? argv[2] : "";
    const std::uint64_t value = argc == 4 ? std::strtoull(argv[3], nullptr, 10) : 1;
    const bool one = option == "--case";
    const std::uint64_t first = one ? value : 0, every = one ? cases : value;
    const std::vector<std::uint64_t> golden = argc >= 2 ? read(argv[1]) : std::vector<std::uint64_t>();
    if (golden.size() != cases || every < 1 || first >= cases || (argc != 2 && !one && option != "--every")) {
        std::fprintf(stderr, "usage: golden FILE [--every N | --case N | --write]\n");
        return 2;
    }
    bool right = true;
    for (const KernelTable* table : available_tables()) {
        std::uint64_t tried = 0, wrong = 0;
        for (std::uint64_t number = first; number < cases; number += every) {
            ++tried;
            if (hash_of(number, table) != golden[number] && ++wrong <= 5) {
                const Shape shape = shape_of(number);
                const auto shown = static_cast<unsigned long long>(number);
                std::printf("case %llu, %s, rows %td, depth %td, outputs %td, function %d: other bits\n", shown,
                            table->name, shape.rows, shape.depth, shape.outputs,
                            static_cast<int>(shape.activation.function));
                std::printf("again: %s %s --case %llu\n", argv[0], argv[1], shown);
            }
        }
        std::printf("golden %s: %llu cases, %llu wrong\n", table->name, static_cast<unsigned long long>(tried),
                    static_cast<unsigned long long>(wrong));
        right &= wrong == 0;
    }
    return right ? 0 : 1;
}
