// Functions of whole rows, in pairs (pair.hpp). Sums over a row go through 64 bytes of lanes, element i through lane
// i modulo their number, and the lanes are added in order: the same bits whatever the width of the registers.
#pragma once

#include "contract.hpp"
#include "functions.hpp"
#include "panel.hpp"
#include "scalar.hpp"

namespace forwardpass {
namespace {

// `exact`, a sum of two parts, unless the same in one, `rounded`, overflows or is NaN: parts of infinity are NaN.
template <class V>
FORWARDPASS_INLINE typename V::Register finite_or(typename V::Register exact, typename V::Register rounded) noexcept {
    return V::select_at_least(V::broadcast(FloatFormat<typename V::Element>::largest), V::magnitude(rounded), exact,
                              rounded);
}

// The sum of term(x register, index), a Pair<V>, over x[0..count), as a pair.
template <class V, class Term>
FORWARDPASS_INLINE Pair<Scalar<typename V::Element>> sum_over(const typename V::Element* x, Index count,
                                                              const Term& term) noexcept {
    using T = typename V::Element;
    using S = Scalar<T>;
    constexpr int lanes = static_cast<int>(panel_alignment<T>), vectors = lanes / static_cast<int>(V::lanes);
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
    Pair<V> totals[vectors];
    unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED { totals[v] = {V::broadcast(0), V::broadcast(0)}; });
    Index i = 0;
    for (; i + lanes <= count; i += lanes)
        unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED {
            add(totals[v], term(V::load(x + i + v * V::lanes), i + v * V::lanes));
        });
    Lanes sums, rest;
    unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED { sums.store(v, totals[v]); });
    for (int v = 0; i + v * V::lanes < count; ++v) {
        const Index at = i + v * V::lanes;
        rest.store(v, term(V::load_partial(x + at, count - at), at));
    }
    Pair<S> total{0, 0};
    // Without the lanes of a short row that got nothing.
    for (Index lane = 0; lane < lanes && lane < count; ++lane) {
        Pair<S> own{sums.high[lane], sums.low[lane]};
        if (i + lane < count) add(own, Pair<S>{rest.high[lane], rest.low[lane]});
        add(total, own);
    }
    return fast_two_sum<S>(total.high, total.low);
}

template <class V>
FORWARDPASS_INLINE Pair<V> broadcast(const Pair<Scalar<typename V::Element>>& value) noexcept {
    return {V::broadcast(value.high), V::broadcast(value.low)};
}

// x - center.
template <class V>
FORWARDPASS_INLINE Pair<V> difference(typename V::Register x, const Pair<V>& center) noexcept {
    const Pair<V> high = two_sum<V>(x, -center.high);
    return {high.high, high.low - center.low};
}

// The value of some columns.
template <class V>
FORWARDPASS_INLINE Pair<V> column(const RowTask<typename V::Element>& a, ColumnRow row, Index at) noexcept {
    const auto* const from = a.table + row * a.table_stride + at;
    return {V::load(from), V::load(from + a.table_stride)};
}

// y[i..] = compute(x register, i), for whole vectors and a last one that is filled up.
template <class V, class Compute>
FORWARDPASS_INLINE void each_column(const RowTask<typename V::Element>& a, const Compute& compute) noexcept {
    Index i = 0;
    for (; i + V::lanes <= a.count; i += V::lanes) V::store(a.y + i, compute(V::load(a.x + i), i));
    if (i < a.count) V::store_partial(a.y + i, compute(V::load_partial(a.x + i, a.count - i), i), a.count - i);
}

template <class V>
void columns(const RowTask<typename V::Element>& a) noexcept {
    each_column<V>(a, [&](auto x, Index i) FORWARDPASS_UNROLLED {
        const Pair<V> middle = column<V>(a, center_row, i), factor = column<V>(a, scale_row, i),
                      more = column<V>(a, offset_row, i);
        const auto rounded = (x - middle.high) * factor.high + more.high;
        const Pair<V> y = sum<V>(product<V>(difference<V>(x, middle), factor), more);
        const auto value = finite_or<V>(y.high + y.low, rounded);
        return smaller<V>(V::load(a.table + highest_row * a.table_stride + i),
                          V::max(V::load(a.table + lowest_row * a.table_stride + i), value));
    });
}

// 1 / sqrt(x).
template <class S>
Pair<S> reciprocal_root(const Pair<S>& x) noexcept {
    Pair<S> root{S::sqrt(x.high), 0};
    root.low = (S::fma(-root.high, root.high, x.high) + x.low) / (root.high + root.high);
    return quotient<S>({1, 0}, root);
}

template <class V>
void layer_norm(const RowTask<typename V::Element>& a) noexcept {
    using T = typename V::Element;
    using S = Scalar<T>;
    const Pair<S> count{static_cast<T>(a.count), 0};
    const Pair<S> total =
        sum_over<V>(a.x, a.count, [](auto x, Index) FORWARDPASS_UNROLLED { return Pair<V>{x, V::broadcast(0)}; });
    const Pair<S> mean = quotient<S>(total, count);
    const Pair<S> squares = sum_over<V>(a.x, a.count, [&](auto x, Index) FORWARDPASS_UNROLLED {
        const Pair<V> d = difference<V>(x, broadcast<V>(mean));
        return product<V>(d, d);
    });
    const T eps = static_cast<T>(a.eps);
    const Pair<S> variance = sum<S>(quotient<S>(squares, count), {eps, static_cast<T>(a.eps - eps)});
    const Pair<S> root = reciprocal_root<S>(variance);
    each_column<V>(a, [&](auto x, Index i) FORWARDPASS_UNROLLED {
        const Pair<V> normal = product<V>(difference<V>(x, broadcast<V>(mean)), broadcast<V>(root));
        const Pair<V> y = sum<V>(product<V>(normal, column<V>(a, scale_row, i)), column<V>(a, offset_row, i));
        return y.high + y.low;
    });
}

template <class V>
typename V::Element largest_of(const typename V::Element* x, Index count) noexcept {
    using T = typename V::Element;
    T largest = x[0], lanes[V::lanes];
    Index i = 0;
    if (count >= V::lanes) {
        auto most = V::load(x);
        for (i = V::lanes; i + V::lanes <= count; i += V::lanes) most = V::max(most, V::load(x + i));
        V::store(lanes, most);
        for (Index lane = 0; lane < V::lanes; ++lane) largest = lanes[lane] > largest ? lanes[lane] : largest;
    }
    for (; i < count; ++i) largest = x[i] > largest ? x[i] : largest;
    return largest;
}

// e^(x - largest) = 2^n (high + low).
template <class V>
struct Weight {
    Pair<V> significand;
    typename V::Register n;
};

template <class V>
FORWARDPASS_INLINE Weight<V> weight(typename V::Register x, typename V::Element largest) noexcept {
    const auto limit = V::broadcast(FloatFormat<typename V::Element>::exp_limit);
    const Pair<V> d = two_sum<V>(x, V::broadcast(-largest));
    const auto low = V::select_at_least(limit, V::magnitude(d.high), d.low, V::broadcast(0));
    const Exponential<V> e = exponential<V>({V::max(-limit, d.high), low});
    return {significand<V>(e), e.n};
}

// As a term of their sum.
template <class V>
FORWARDPASS_INLINE Pair<V> whole(const Weight<V>& w) noexcept {
    const Scale<V> s = scale<V>(w.n);
    const auto power = s.first * s.rest;
    return {w.significand.high * power, w.significand.low * power};
}

// The weights of one row between two passes, in 12 KB of stack.
template <class V>
class KeptWeights {
public:
    using T = typename V::Element;
    static constexpr Index most = Index{4096 / sizeof(T)};

    FORWARDPASS_INLINE void keep(Index i, const Weight<V>& w) noexcept {
        V::store(high_ + i, w.significand.high);
        V::store(low_ + i, w.significand.low);
        V::store(n_ + i, w.n);
    }
    FORWARDPASS_INLINE Weight<V> at(Index i, typename V::Register, T) const noexcept {
        return {{V::load(high_ + i), V::load(low_ + i)}, V::load(n_ + i)};
    }

private:
    T high_[most], low_[most], n_[most];
};

// Of a row that is longer: computed twice.
template <class V>
struct ForgottenWeights {
    FORWARDPASS_INLINE void keep(Index, const Weight<V>&) noexcept {}
    FORWARDPASS_INLINE Weight<V> at(Index, typename V::Register x, typename V::Element largest) const noexcept {
        return weight<V>(x, largest);
    }
};

// By itself, for its stack.
template <class V, class Weights>
__attribute__((noinline)) void softmax_with(const RowTask<typename V::Element>& a) noexcept {
    using T = typename V::Element;
    Weights weights;
    const T largest = largest_of<V>(a.x, a.count);
    const Pair<Scalar<T>> total = sum_over<V>(a.x, a.count, [&](auto x, Index i) FORWARDPASS_UNROLLED {
        const Weight<V> w = weight<V>(x, largest);
        weights.keep(i, w);
        return whole<V>(w);
    });
    const T reciprocal = 1 / total.high;
    each_column<V>(a, [&](auto x, Index i) FORWARDPASS_UNROLLED {
        const Weight<V> w = weights.at(i, x, largest);
        const Scale<V> s = scale<V>(w.n);
        const Pair<V> y = quotient<V>(w.significand, broadcast<V>(total), V::broadcast(reciprocal));
        return (y.high + y.low) * s.first * s.rest;
    });
}

template <class V>
void softmax(const RowTask<typename V::Element>& a) noexcept {
    if (a.count <= KeptWeights<V>::most) softmax_with<V, KeptWeights<V>>(a);
    else softmax_with<V, ForgottenWeights<V>>(a);
}

// The sum of e^(x - largest).
template <class V>
Pair<Scalar<typename V::Element>> sum_of_weights(const typename V::Element* x, Index count,
                                                 typename V::Element largest) noexcept {
    return sum_over<V>(x, count,
                       [&](auto value, Index) FORWARDPASS_UNROLLED { return whole<V>(weight<V>(value, largest)); });
}

// log(1 + s) for s >= 0.
template <class S>
Pair<S> log1p(const Pair<S>& s) noexcept {
    using T = typename S::Element;
    if (!(s.high > 1)) return log1p_of_ratio<S>(quotient<S>(s, sum<S>(s, {2, 0})), 1);
    Pair<S> f = sum<S>(s, {1, 0});
    T halvings = 0;
    for (; f.high > static_cast<T>(1.4142135); ++halvings) f = {f.high / 2, f.low / 2};  // f is at most about a count
    const Pair<S> fraction = log1p_of_ratio<S>(quotient<S>(sum<S>(f, {-1, 0}), sum<S>(f, {1, 0})), 1);
    return sum<S>(product<S>(halvings, constant<S>(Coefficients<T>::ln2)), fraction);
}

template <class V>
void log_softmax(const RowTask<typename V::Element>& a) noexcept {
    using T = typename V::Element;
    using S = Scalar<T>;
    const T largest = largest_of<V>(a.x, a.count);
    // The largest one itself gives 1; the others are summed by themselves, for where they are tiny.
    Index at = 0;
    while (at + 1 < a.count && !(a.x[at] >= largest)) ++at;
    const Pair<S> before = sum_of_weights<V>(a.x, at, largest);
    const Pair<S> after = sum_of_weights<V>(a.x + at + 1, a.count - at - 1, largest);
    Pair<S> log = log1p<S>(sum<S>(before, after));
    log.high += largest - largest;  // NaN where that is infinite
    each_column<V>(a, [&](auto x, Index) FORWARDPASS_UNROLLED {
        const Pair<V> d = two_sum<V>(x, V::broadcast(-largest));
        const Pair<V> y = sum<V>(d, {V::broadcast(-log.high), V::broadcast(-log.low)});
        return finite_or<V>(y.high + y.low, d.high - V::broadcast(log.high));
    });
}

template <class V>
void row(const RowTask<typename V::Element>& a) noexcept {
    if (a.count == 0) return;
    switch (a.function) {
        case RowFunction::columns: return columns<V>(a);
        case RowFunction::layer_norm: return layer_norm<V>(a);
        case RowFunction::softmax: return softmax<V>(a);
        case RowFunction::log_softmax: return log_softmax<V>(a);
    }
}

}  // namespace
}  // namespace forwardpass
