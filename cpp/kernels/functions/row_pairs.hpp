// Helpers of the functions of rows of doubles: columns in pairs, and their powers of two.
#pragma once

#include "kernels/functions/rows.hpp"

namespace forwardpass {
namespace {

// `exact`, which is made of two parts. Where `rounded`, made of one, is infinite or NaN, the result is `rounded`: the
// parts of an infinity are NaN.
template <class W>
FORWARDPASS_INLINE Register<W> finite_or(Register<W> exact, Register<W> rounded) noexcept {
    return W::select_at_least(W::broadcast(FloatFormat<double>::largest), W::magnitude(rounded), exact, rounded);
}

template <class W>
FORWARDPASS_INLINE Pair<W> broadcast(const Pair<Scalar<double>>& value) noexcept {
    return {W::broadcast(value.high), W::broadcast(value.low)};
}

// The values of a row of the table and the next one, in pairs.
struct PairValues {
    const double *high, *low;

    PairValues(const RowTask& task, Index row) noexcept : high(values_of(task, row)), low(values_of(task, row + 1)) {}
    template <class W>
    FORWARDPASS_INLINE Pair<W> at(Index i) const noexcept {
        return {W::load(high + i), W::load(low + i)};
    }
};

// The powers of two of some columns' scales, if any. A power above 1 is multiplied before the scale, and another one
// after it, so that a product that would be subnormal or infinite is rounded once.
template <class W, bool powers>
struct Powers {
    Register<W> before, behind;

    FORWARDPASS_INLINE Powers([[maybe_unused]] const double* power) noexcept {
        if constexpr (powers) {
            before = W::load(power);
            behind = W::broadcast(1);
            multiply(behind);
        }
    }
    FORWARDPASS_INLINE void multiply(Register<W> power) noexcept {
        const auto one = W::broadcast(1), both = before * power;
        before = W::max(one, both);
        behind = behind * smaller<W>(one, both);
    }
    FORWARDPASS_INLINE Pair<W> times(const Pair<W>& value, const Pair<W>& scale) const noexcept {
        if constexpr (powers) {
            const Pair<W> y = product<W>({value.high * before, value.low * before}, scale);
            return {y.high * behind, y.low * behind};
        } else return product<W>(value, scale);
    }
};

}  // namespace
}  // namespace forwardpass
