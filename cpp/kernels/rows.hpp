// What the functions of whole rows share. Sums over a row go through 64 bytes of lanes, element i through lane i modulo
// their number, and the lanes are added in order: the same bits whatever the width of the registers. That order is
// ROW_ORDER of bindings/machine.cpp, and a change of it is a new name.
#pragma once

#include "contract.hpp"
#include "functions.hpp"
#include "panel.hpp"
#include "scalar.hpp"

namespace forwardpass {
namespace {

// `exact`, a sum of two parts, unless the same in one, `rounded`, overflows or is NaN: parts of infinity are NaN.
template <class V>
FORWARDPASS_INLINE Register<V> finite_or(Register<V> exact, Register<V> rounded) noexcept {
    return V::select_at_least(V::broadcast(FloatFormat<Element<V>>::largest), V::magnitude(rounded), exact, rounded);
}

// Several sums over the same row.
template <class V, int sums>
struct RowSums {
    Pair<V> of[sums];
};

// The sums of term(x register, index), a RowSums<V, sums>, over x[0..count), as pairs.
template <class V, int sums, class Term>
FORWARDPASS_INLINE RowSums<Scalar<Element<V>>, sums> sum_over(const Element<V>* x, Index count,
                                                              const Term& term) noexcept {
    using T = Element<V>;
    using S = Scalar<T>;
    constexpr int lanes = static_cast<int>(line_elements<T>), vectors = lanes / static_cast<int>(V::lanes);
    const auto add = [](auto& total, const auto& more) FORWARDPASS_UNROLLED {
        const auto high = total.high + more.high, part = high - total.high;
        total.low = total.low + (((total.high - (high - part)) + (more.high - part)) + more.low);
        total.high = high;
    };
    struct Lanes {
        T high[lanes], low[lanes];
        FORWARDPASS_INLINE void store(int v, const Pair<V>& pair) noexcept {
            V::store(high + v * V::lanes, pair.high);
            V::store(low + v * V::lanes, pair.low);
        }
    };
    Pair<V> totals[sums][vectors];
    unrolled<sums>([&](auto s) FORWARDPASS_UNROLLED {
        unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED { totals[s][v] = {V::broadcast(0), V::broadcast(0)}; });
    });
    Index i = 0;
    for (; i + lanes <= count; i += lanes)
        unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED {
            const RowSums<V, sums> more = term(V::load(x + i + v * V::lanes), i + v * V::lanes);
            unrolled<sums>([&](auto s) FORWARDPASS_UNROLLED { add(totals[s][v], more.of[s]); });
        });
    Lanes whole[sums], rest[sums];
    unrolled<sums>([&](auto s) FORWARDPASS_UNROLLED {
        unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED { whole[s].store(v, totals[s][v]); });
    });
    for (int v = 0; i + v * V::lanes < count; ++v) {
        const Index at = i + v * V::lanes;
        const RowSums<V, sums> more = term(V::load_partial(x + at, count - at), at);
        unrolled<sums>([&](auto s) FORWARDPASS_UNROLLED { rest[s].store(v, more.of[s]); });
    }
    RowSums<S, sums> results;
    for (int s = 0; s < sums; ++s) {
        Pair<S> total{0, 0};
        // Without the lanes of a short row that got nothing.
        for (Index lane = 0; lane < lanes && lane < count; ++lane) {
            Pair<S> own{whole[s].high[lane], whole[s].low[lane]};
            if (i + lane < count) add(own, Pair<S>{rest[s].high[lane], rest[s].low[lane]});
            add(total, own);
        }
        // The lanes may cancel, so that the low part is the larger one.
        results.of[s] = two_sum<S>(total.high, total.low);
    }
    return results;
}

template <class V>
FORWARDPASS_INLINE Pair<V> broadcast(const Pair<Scalar<Element<V>>>& value) noexcept {
    return {V::broadcast(value.high), V::broadcast(value.low)};
}

// The value of some columns.
template <class V>
FORWARDPASS_INLINE Pair<V> column(const RowTask<Element<V>>& a, ColumnRow row, Index at) noexcept {
    const auto* const from = a.table + row * a.table_stride + at;
    return {V::load(from), V::load(from + a.table_stride)};
}

// The power of two of some columns' scale, if any: where it is above 1 it comes before the scale, otherwise behind it,
// so that what would be subnormal or infinite is rounded once.
template <class V, bool powers>
struct Powers {
    Register<V> before, behind;

    FORWARDPASS_INLINE Powers(const RowTask<Element<V>>& a, Index at) noexcept {
        if constexpr (powers) {
            before = V::load(a.table + power_row * a.table_stride + at);
            behind = V::broadcast(1);
            multiply(behind);
        }
    }
    FORWARDPASS_INLINE void multiply(Register<V> power) noexcept {
        const auto one = V::broadcast(1), both = before * power;
        before = V::max(one, both);
        behind = behind * smaller<V>(one, both);
    }
    FORWARDPASS_INLINE Pair<V> times(const Pair<V>& value, const Pair<V>& scale) const noexcept {
        if constexpr (powers) {
            const Pair<V> y = product<V>({value.high * before, value.low * before}, scale);
            return {y.high * behind, y.low * behind};
        } else return product<V>(value, scale);
    }
};

// y[i..] = compute(x register, i), for whole vectors and a last one that is filled up.
template <class V, class Compute>
FORWARDPASS_INLINE void each_column(const RowTask<Element<V>>& a, const Compute& compute) noexcept {
    Index i = 0;
    for (; i + V::lanes <= a.count; i += V::lanes) V::store(a.y + i, compute(V::load(a.x + i), i));
    if (i < a.count) V::store_partial(a.y + i, compute(V::load_partial(a.x + i, a.count - i), i), a.count - i);
}

}  // namespace
}  // namespace forwardpass
