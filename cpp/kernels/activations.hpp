// Epilogues: what happens to a finished sum before it is stored. A new activation is a value of
// Activation (contract.hpp), a case here and in reference.cpp, and its name in bindings/network.cpp.
#pragma once

#include "contract.hpp"

namespace forwardpass {
namespace {

// max(0, y): V::max returns its second operand when either is NaN, so NaN passes; adding +0.0
// turns the -0.0 that max(0, -0.0) leaves into +0.0 and quietens a signalling NaN.
template <class V>
inline typename V::Register relu(typename V::Register y) noexcept {
    const auto zero = V::broadcast(0);
    return V::add(V::max(zero, y), zero);
}

template <class V>
inline typename V::Register activated(Activation activation, typename V::Register y) noexcept {
    switch (activation) {
        case Activation::relu: return relu<V>(y);
        case Activation::identity: break;
    }
    return y;
}

}  // namespace
}  // namespace forwardpass
