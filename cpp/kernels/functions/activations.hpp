// Activations: what happens to a finished sum. Identity and ReLU are applied to the register before it is stored;
// the others, which take up to 60 operations, to a whole panel right after. A new one is a value of Function
// (contract.hpp), a case here, and its name in bindings/layers.cpp.
#pragma once

#include "kernels/contract.hpp"
#include "kernels/functions/functions.hpp"
#include "kernels/functions/quotients.hpp"
#include "kernels/functions/twice.hpp"

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

// The activations that need few registers: identity, ReLU and the like.
template <class V>
FORWARDPASS_INLINE Register<V> activated(const Activation& activation, Register<V> y) noexcept {
    return activation.function == Function::relu ? relu<V>(y) : y;
}

// The same elements of several rows. x == y is allowed.
template <class T>
struct Strips {
    const T* x;
    Index x_row_stride;
    T* y;
    Index y_row_stride;
    Index rows;
    Index count;
};

// Computes `count` registers of each row, from element `first` on. One loop over all rows prepares constants once, not
// for each row.
template <class V, class Compute>
FORWARDPASS_INLINE void each_register(const Strips<Element<V>>& a, Index first, Index count,
                                      const Compute& compute) noexcept {
    const Element<V>* x = a.x + first;
    Element<V>* y = a.y + first;
    Index i = 0;
    for (Index left = a.rows * count; left > 0; --left) {
        V::store(y + i, compute(V{}, V::load(x + i)));
        i += V::lanes;
        if (i < count * V::lanes) continue;
        i = 0;
        x += a.x_row_stride;
        y += a.y_row_stride;
    }
}

// y = compute(x), element by element. The last vector of a row may be partial, and zeros fill it up.
template <class V, class Compute>
FORWARDPASS_INLINE void each_element(const Strips<Element<V>>& a, const Compute& compute) noexcept {
    constexpr Index two = Twice<V>::lanes;
    const Index twos = a.count / two, ones = (a.count - twos * two) / V::lanes;
    const Index first = twos * two + ones * V::lanes, left = a.count - first;
    each_register<Twice<V>>(a, 0, twos, compute);
    each_register<V>(a, twos * two, ones, compute);
    for (Index r = 0; left > 0 && r < a.rows; ++r) {
        const auto x = V::load_partial(a.x + r * a.x_row_stride + first, left);
        V::store_partial(a.y + r * a.y_row_stride + first, compute(V{}, x), left);
    }
}

template <class V>
void activate_strips(const Activation& activation, const Strips<Element<V>>& strips) noexcept {
    using T = Element<V>;
    const T a = static_cast<T>(activation.a), b = static_cast<T>(activation.b);
    const auto each = [&](const auto& compute) FORWARDPASS_UNROLLED { each_element<V>(strips, compute); };
    switch (activation.function) {
        case Function::identity: return each([](auto, auto x) FORWARDPASS_UNROLLED { return x; });
        case Function::relu: return each([](auto v, auto x) FORWARDPASS_UNROLLED { return relu<decltype(v)>(x); });
        case Function::leaky_relu:
            return each([a](auto v, auto x) FORWARDPASS_UNROLLED { return leaky_relu<decltype(v)>(x, a); });
        case Function::elu: return each([a](auto v, auto x) FORWARDPASS_UNROLLED { return elu<decltype(v)>(x, a); });
        case Function::selu: return each([](auto v, auto x) FORWARDPASS_UNROLLED { return selu<decltype(v)>(x); });
        case Function::gelu: return each([](auto v, auto x) FORWARDPASS_UNROLLED { return gelu<decltype(v)>(x); });
        case Function::gelu_tanh:
            return each([](auto v, auto x) FORWARDPASS_UNROLLED { return gelu_tanh<decltype(v)>(x); });
        case Function::silu: return each([](auto v, auto x) FORWARDPASS_UNROLLED { return silu<decltype(v)>(x); });
        case Function::tanh: return each([](auto v, auto x) FORWARDPASS_UNROLLED { return tanh<decltype(v)>(x); });
        case Function::sigmoid:
            return each([](auto v, auto x) FORWARDPASS_UNROLLED { return sigmoid<decltype(v)>(x); });
        case Function::softplus:
            return each([f = SoftplusParameters<T>(a, b)](auto v, auto x)
                            FORWARDPASS_UNROLLED { return softplus<decltype(v)>(x, f); });
        case Function::hardtanh:
            return each([a, b](auto v, auto x) FORWARDPASS_UNROLLED { return hardtanh<decltype(v)>(x, a, b); });
        case Function::celu:
            return each([f = CeluParameters<T>(a)](auto v, auto x)
                            FORWARDPASS_UNROLLED { return celu<decltype(v)>(x, f); });
        case Function::mish: return each([](auto v, auto x) FORWARDPASS_UNROLLED { return mish<decltype(v)>(x); });
        case Function::softsign:
            return each([](auto v, auto x) FORWARDPASS_UNROLLED { return softsign<decltype(v)>(x); });
        case Function::hardswish:
            return each([](auto v, auto x) FORWARDPASS_UNROLLED { return hardswish<decltype(v)>(x); });
        case Function::hardsigmoid:
            return each([](auto v, auto x) FORWARDPASS_UNROLLED { return hardsigmoid<decltype(v)>(x); });
    }
}

// y = activation(x), element by element; x == y is allowed.
template <class V>
void activate(const Activation& activation, const Element<V>* x, Element<V>* y, Index count) noexcept {
    activate_strips<V>(activation, {x, count, y, count, 1, count});
}

}  // namespace
}  // namespace forwardpass
