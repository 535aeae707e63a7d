// Activations: what happens to a finished sum. Identity and ReLU are applied to the register before it is stored;
// the others, which take 2 to 60 operations, to what lies in L1 right after. A new one is a value of Function
// (contract.hpp), a case here, and its name in bindings/layers.cpp.
#pragma once

#include "contract.hpp"
#include "functions.hpp"
#include "scalar.hpp"

namespace forwardpass {
namespace {

// max(0, y): V::max returns its second operand when either is NaN, so NaN passes; adding +0.0
// turns the -0.0 that max(0, -0.0) leaves into +0.0 and quietens a signalling NaN.
template <class V>
FORWARDPASS_INLINE Register<V> relu(Register<V> y) noexcept {
    const auto zero = V::broadcast(0);
    return V::add(V::max(zero, y), zero);
}

[[maybe_unused]] constexpr bool fits_registers(const Activation& activation) noexcept {
    return activation.function == Function::identity || activation.function == Function::relu;
}

// Of those that fit registers.
template <class V>
FORWARDPASS_INLINE Register<V> activated(const Activation& activation, Register<V> y) noexcept {
    return activation.function == Function::relu ? relu<V>(y) : y;
}

// y[i] = function(x[i]). The last, partial vector is filled up with zeros.
template <class V, class Compute>
FORWARDPASS_INLINE void each_element(const Element<V>* x, Element<V>* y, Index count, const Compute& compute) noexcept {
    Index i = 0;
    for (; i + V::lanes <= count; i += V::lanes) V::store(y + i, compute(V::load(x + i)));
    if (i < count) V::store_partial(y + i, compute(V::load_partial(x + i, count - i)), count - i);
}

// y = activation(x), element by element; x == y is allowed.
template <class V>
void activate(const Activation& activation, const Element<V>* x, Element<V>* y, Index count) noexcept {
    using T = Element<V>;
    using R = Register<V>;
    const T a = static_cast<T>(activation.a), b = static_cast<T>(activation.b);
    const auto each = [&](const auto& compute) FORWARDPASS_UNROLLED { each_element<V>(x, y, count, compute); };
    switch (activation.function) {
        case Function::identity: return each([](R v) { return v; });
        case Function::relu: return each([](R v) { return relu<V>(v); });
        case Function::leaky_relu:
            return each([a](R v) { return V::select_at_least(v, V::broadcast(0), v, v * V::broadcast(a)); });
        case Function::elu: return each([alpha = EluParameters<T>(a)](R v) { return elu<V>(v, alpha); });
        case Function::selu: return each([](R v) { return selu<V>(v); });
        case Function::gelu: return each([](R v) { return gelu<V>(v); });
        case Function::gelu_tanh: return each([](R v) { return gelu_tanh<V>(v); });
        case Function::silu: return each([](R v) { return silu<V>(v); });
        case Function::tanh: return each([](R v) { return tanh<V>(v); });
        case Function::sigmoid: return each([](R v) { return sigmoid<V>(v); });
        case Function::softplus: return each([f = SoftplusParameters<T>(a, b)](R v) { return softplus<V>(v, f); });
        case Function::hardtanh:
            return each([a, b](R v) { return smaller<V>(V::broadcast(b), V::max(V::broadcast(a), v)); });
    }
}

}  // namespace
}  // namespace forwardpass
