// Two registers as one, so that the second one's operations run while the first one waits for a result.
#pragma once

#include "kernels/unrolled.hpp"
#include "kernels/vector.hpp"

namespace forwardpass {
namespace {

// Two registers of V, with the operations that functions of elements use.
template <class V>
struct Twice {
    using Element = typename V::Element;
    struct Register {
        typename V::Register a, b;

        friend FORWARDPASS_INLINE Register operator+(Register x, Register y) noexcept { return {x.a + y.a, x.b + y.b}; }
        friend FORWARDPASS_INLINE Register operator-(Register x, Register y) noexcept { return {x.a - y.a, x.b - y.b}; }
        friend FORWARDPASS_INLINE Register operator*(Register x, Register y) noexcept { return {x.a * y.a, x.b * y.b}; }
        friend FORWARDPASS_INLINE Register operator/(Register x, Register y) noexcept { return {x.a / y.a, x.b / y.b}; }
        friend FORWARDPASS_INLINE Register operator-(Register x) noexcept { return {-x.a, -x.b}; }
    };
    static constexpr Index lanes = 2 * V::lanes;

    FORWARDPASS_INLINE static Register load(const Element* p) noexcept { return {V::load(p), V::load(p + V::lanes)}; }
    FORWARDPASS_INLINE static void store(Element* p, Register x) noexcept {
        V::store(p, x.a);
        V::store(p + V::lanes, x.b);
    }
    FORWARDPASS_INLINE static Register broadcast(Element x) noexcept { return {V::broadcast(x), V::broadcast(x)}; }
    FORWARDPASS_INLINE static Register add(Register x, Register y) noexcept { return x + y; }
    FORWARDPASS_INLINE static Register max(Register x, Register y) noexcept {
        return {V::max(x.a, y.a), V::max(x.b, y.b)};
    }
    FORWARDPASS_INLINE static Register fma(Register x, Register y, Register z) noexcept {
        return {V::fma(x.a, y.a, z.a), V::fma(x.b, y.b, z.b)};
    }
    FORWARDPASS_INLINE static Register with_sign(Register x, Register sign) noexcept {
        return {V::with_sign(x.a, sign.a), V::with_sign(x.b, sign.b)};
    }
    FORWARDPASS_INLINE static Register select_at_least(Register x, Register least, Register yes, Register no) noexcept {
        return {V::select_at_least(x.a, least.a, yes.a, no.a), V::select_at_least(x.b, least.b, yes.b, no.b)};
    }
    FORWARDPASS_INLINE static Register to_exponent(Register x) noexcept {
        return {V::to_exponent(x.a), V::to_exponent(x.b)};
    }
};

}  // namespace
}  // namespace forwardpass
