// How many operations on a register each activation takes: a vector type of one lane that counts them. Loads, stores
// and constants count nothing; a selection counts as its comparison and its blend.
#include <cstdio>
#include <cstring>

#include "kernels/functions/activations.hpp"

namespace forwardpass {
namespace {

int operations = 0;

template <class T>
struct Counted {
    T value;
};
template <class T>
Counted<T> counted(T value, int count = 1) noexcept {
    operations += count;
    return {value};
}
template <class T>
Counted<T> operator+(Counted<T> a, Counted<T> b) noexcept {
    return counted(a.value + b.value);
}
template <class T>
Counted<T> operator-(Counted<T> a, Counted<T> b) noexcept {
    return counted(a.value - b.value);
}
template <class T>
Counted<T> operator*(Counted<T> a, Counted<T> b) noexcept {
    return counted(a.value * b.value);
}
template <class T>
Counted<T> operator/(Counted<T> a, Counted<T> b) noexcept {
    return counted(a.value / b.value);
}
// Part of the operation that takes it.
template <class T>
Counted<T> operator-(Counted<T> a) noexcept {
    return {-a.value};
}

template <class T>
struct Counting {
    using Element = T;
    using Half = Counting;
    using Wide = Counting<double>;
    using Register = Counted<T>;
    using One = Scalar<T>;
    static constexpr Index lanes = 1;
    static constexpr int registers = 16;
    static constexpr int panel_vectors = 4;

    static Register load(const T* p) noexcept { return {*p}; }
    static Register load_partial(const T* p, Index) noexcept { return {*p}; }
    static void store(T* p, Register a) noexcept { *p = a.value; }
    static void store_partial(T* p, Register a, Index) noexcept { *p = a.value; }
    static Register broadcast(T a) noexcept { return {a}; }
    static void hold(Register&) noexcept {}
    static Register add(Register a, Register b) noexcept { return a + b; }
    static Register max(Register a, Register b) noexcept { return counted(One::max(a.value, b.value)); }
    static Register fma(Register a, Register b, Register c) noexcept {
        return counted(One::fma(a.value, b.value, c.value));
    }
    static Register magnitude(Register a) noexcept { return counted(One::magnitude(a.value)); }
    static Register with_sign(Register a, Register s) noexcept { return counted(One::with_sign(a.value, s.value)); }
    static Register select_at_least(Register x, Register least, Register yes, Register no) noexcept {
        return counted(One::select_at_least(x.value, least.value, yes.value, no.value), 2);
    }
    static Register to_exponent(Register a) noexcept { return counted(One::to_exponent(a.value)); }
};

struct Named {
    const char* name;
    Activation activation;
};
constexpr Named all[] = {{"ReLU", {Function::relu}},
                         {"LeakyReLU", {Function::leaky_relu, 0.01}},
                         {"ELU", {Function::elu, 1}},
                         {"SELU", {Function::selu}},
                         {"GELU", {Function::gelu}},
                         {"GELU, tanh", {Function::gelu_tanh}},
                         {"SiLU", {Function::silu}},
                         {"Tanh", {Function::tanh}},
                         {"Sigmoid", {Function::sigmoid}},
                         {"Softplus", {Function::softplus, 1, 20}},
                         {"Hardtanh", {Function::hardtanh, -1, 1}}};

template <class T>
void print() {
    for (const Named& each : all) {
        const T x = static_cast<T>(0.5);
        T y = 0;
        operations = 0;
        activate<Counting<T>>(each.activation, &x, &y, 1);
        std::printf("%s\t%d\n", each.name, operations);
    }
}

}  // namespace
}  // namespace forwardpass

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], "float64") == 0) forwardpass::print<double>();
    else forwardpass::print<float>();
}
