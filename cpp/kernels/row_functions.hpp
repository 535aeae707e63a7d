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

// The sum of term<V>(register) over x[0..count), as a pair. term gives a Pair for each element.
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
    Pair<V> totals[vectors];
    unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED { totals[v] = {V::broadcast(0), V::broadcast(0)}; });
    Index i = 0;
    for (; i + lanes <= count; i += lanes)
        unrolled<vectors>([&](auto v)
                              FORWARDPASS_UNROLLED { add(totals[v], term(V{}, V::load(x + i + v * V::lanes))); });
    T high[lanes], low[lanes];
    unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED {
        V::store(high + v * V::lanes, totals[v].high);
        V::store(low + v * V::lanes, totals[v].low);
    });
    Pair<S> total{0, 0};
    for (Index lane = 0; lane < lanes; ++lane) {
        Pair<S> own{high[lane], low[lane]};
        if (i + lane < count) add(own, term(S{}, x[i + lane]));
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

// y[i..] = compute(V{}, x register, i): the whole vectors, then the rest lane by lane.
template <class V, class Compute>
FORWARDPASS_INLINE void each_column(const RowTask<typename V::Element>& a, const Compute& compute) noexcept {
    using S = Scalar<typename V::Element>;
    Index i = 0;
    for (; i + V::lanes <= a.count; i += V::lanes) V::store(a.y + i, compute(V{}, V::load(a.x + i), i));
    for (; i < a.count; ++i) a.y[i] = compute(S{}, a.x[i], i);
}

template <class V>
void columns(const RowTask<typename V::Element>& a) noexcept {
    each_column<V>(a, [&](auto v, auto x, Index i) FORWARDPASS_UNROLLED {
        using L = decltype(v);
        const Pair<L> middle = column<L>(a, center_row, i), factor = column<L>(a, scale_row, i),
                      more = column<L>(a, offset_row, i);
        const auto rounded = (x - middle.high) * factor.high + more.high;
        const Pair<L> y = sum<L>(product<L>(difference<L>(x, middle), factor), more);
        const auto value = finite_or<L>(y.high + y.low, rounded);
        return smaller<L>(L::load(a.table + highest_row * a.table_stride + i),
                          L::max(L::load(a.table + lowest_row * a.table_stride + i), value));
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
    const Pair<S> total = sum_over<V>(a.x, a.count, [](auto v, auto x) FORWARDPASS_UNROLLED {
        using L = decltype(v);
        return Pair<L>{x, L::broadcast(0)};
    });
    const Pair<S> mean = quotient<S>(total, count);
    const Pair<S> squares = sum_over<V>(a.x, a.count, [&](auto v, auto x) FORWARDPASS_UNROLLED {
        using L = decltype(v);
        const Pair<L> d = difference<L>(x, broadcast<L>(mean));
        return product<L>(d, d);
    });
    const T eps = static_cast<T>(a.eps);
    const Pair<S> variance = sum<S>(quotient<S>(squares, count), {eps, static_cast<T>(a.eps - eps)});
    const Pair<S> root = reciprocal_root<S>(variance);
    each_column<V>(a, [&](auto v, auto x, Index i) FORWARDPASS_UNROLLED {
        using L = decltype(v);
        const Pair<L> normal = product<L>(difference<L>(x, broadcast<L>(mean)), broadcast<L>(root));
        const Pair<L> y = sum<L>(product<L>(normal, column<L>(a, scale_row, i)), column<L>(a, offset_row, i));
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

// e^(x - largest), in parts.
template <class V>
struct Weight {
    Pair<V> significand;
    Scale<V> scale;
};

template <class V>
FORWARDPASS_INLINE Weight<V> weight(typename V::Register x, typename V::Element largest) noexcept {
    const auto limit = V::broadcast(FloatFormat<typename V::Element>::exp_limit);
    const Pair<V> d = two_sum<V>(x, V::broadcast(-largest));
    const auto low = V::select_at_least(limit, V::magnitude(d.high), d.low, V::broadcast(0));
    const Exponential<V> e = exponential<V>({V::max(-limit, d.high), low});
    return {significand<V>(e), scale<V>(e)};
}

// The sum of e^(x - largest).
template <class V>
Pair<Scalar<typename V::Element>> sum_of_weights(const typename V::Element* x, Index count,
                                                 typename V::Element largest) noexcept {
    return sum_over<V>(x, count, [&](auto v, auto value) FORWARDPASS_UNROLLED {
        using L = decltype(v);
        const Weight<L> w = weight<L>(value, largest);
        const auto power = w.scale.first * w.scale.rest;
        return Pair<L>{w.significand.high * power, w.significand.low * power};
    });
}

template <class V>
void softmax(const RowTask<typename V::Element>& a) noexcept {
    using T = typename V::Element;
    const T largest = largest_of<V>(a.x, a.count);
    const Pair<Scalar<T>> total = sum_of_weights<V>(a.x, a.count, largest);
    const T reciprocal = 1 / total.high;
    each_column<V>(a, [&](auto v, auto x, Index) FORWARDPASS_UNROLLED {
        using L = decltype(v);
        const Weight<L> w = weight<L>(x, largest);
        const Pair<L> y = quotient<L>(w.significand, broadcast<L>(total), L::broadcast(reciprocal));
        return (y.high + y.low) * w.scale.first * w.scale.rest;
    });
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
    each_column<V>(a, [&](auto v, auto x, Index) FORWARDPASS_UNROLLED {
        using L = decltype(v);
        const Pair<L> d = two_sum<L>(x, L::broadcast(-largest));
        const Pair<L> y = sum<L>(d, {L::broadcast(-log.high), L::broadcast(-log.low)});
        return finite_or<L>(y.high + y.low, d.high - L::broadcast(log.high));
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
