// Softmax and its logarithm.
#pragma once

#include "logarithm.hpp"
#include "rows.hpp"

namespace forwardpass {
namespace {

template <class V>
Element<V> largest_of(const Element<V>* x, Index count) noexcept {
    using T = Element<V>;
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

// Weights are kept 2^lift times as large: the smallest that can count is then normal, low part and all, and so is their
// sum where LogSoftmax takes it without the largest one. The sum overflows from 2^63 of the largest weights on.
template <class T>
constexpr T lift = sizeof(T) == 4 ? 64 : 512;

// e^(x - largest) = 2^(n - lift) (high + low). What is below e^-limit counts as that, which is nothing, even 2^39
// times.
template <class V>
struct Weight {
    Pair<V> significand;
    Register<V> n;
};

template <class V>
FORWARDPASS_INLINE Weight<V> weight(Register<V> x, Element<V> largest) noexcept {
    using T = Element<V>;
    const auto limit = V::broadcast(static_cast<T>(sizeof(T) == 4 ? 131 : 1060));
    const Pair<V> d = two_sum<V>(x, V::broadcast(-largest));
    const auto low = V::select_at_least(limit, V::magnitude(d.high), d.low, V::broadcast(0));
    const Exponential<V> e = exponential<V>({V::max(-limit, d.high), low});
    return {significand<V>(e), e.n + V::broadcast(lift<T>)};
}

// As a term of their sum.
template <class V>
FORWARDPASS_INLINE Pair<V> whole(const Weight<V>& w) noexcept {
    const auto power = power_of_two<V>(w.n);
    return {w.significand.high * power, w.significand.low * power};
}

// The weights of one row between two passes, in 12 KB of stack.
template <class V>
class KeptWeights {
public:
    using T = Element<V>;
    static constexpr Index most = Index{4096 / sizeof(T)};

    FORWARDPASS_INLINE void keep(Index i, const Weight<V>& w) noexcept {
        V::store(high_ + i, w.significand.high);
        V::store(low_ + i, w.significand.low);
        V::store(n_ + i, w.n);
    }
    FORWARDPASS_INLINE Weight<V> at(Index i, Register<V>, T) const noexcept {
        return {{V::load(high_ + i), V::load(low_ + i)}, V::load(n_ + i)};
    }

private:
    T high_[most], low_[most], n_[most];
};

// Of a row that is longer: computed twice.
template <class V>
struct ForgottenWeights {
    FORWARDPASS_INLINE void keep(Index, const Weight<V>&) noexcept {}
    FORWARDPASS_INLINE Weight<V> at(Index, Register<V> x, Element<V> largest) const noexcept {
        return weight<V>(x, largest);
    }
};

// Out of line: its 12 KB of stack are taken only here.
template <class V, class Weights>
__attribute__((noinline)) void softmax_with(const RowTask<Element<V>>& a) noexcept {
    using T = Element<V>;
    Weights weights;
    const T largest = largest_of<V>(a.x, a.count);
    const auto sums = sum_over<V, 1>(a.x, a.count, [&](auto x, Index i) FORWARDPASS_UNROLLED {
        const Weight<V> w = weight<V>(x, largest);
        weights.keep(i, w);
        return RowSums<V, 1>{{whole<V>(w)}};
    });
    const Pair<Scalar<T>> total = sums.of[0];
    const T reciprocal = 1 / total.high;
    each_column<V>(a, [&](auto x, Index i) FORWARDPASS_UNROLLED {
        const Weight<V> w = weights.at(i, x, largest);
        const Pair<V> y = quotient<V>(w.significand, broadcast<V>(total), V::broadcast(reciprocal));
        return (y.high + y.low) * power_of_two<V>(w.n);
    });
}

template <class V>
void softmax(const RowTask<Element<V>>& a) noexcept {
    if (a.count <= KeptWeights<V>::most) softmax_with<V, KeptWeights<V>>(a);
    else softmax_with<V, ForgottenWeights<V>>(a);
}

// The sum of 2^lift e^(x - largest).
template <class V>
Pair<Scalar<Element<V>>> sum_of_weights(const Element<V>* x, Index count, Element<V> largest) noexcept {
    return sum_over<V, 1>(x, count,
                          [&](auto value, Index)
                              FORWARDPASS_UNROLLED { return RowSums<V, 1>{{whole<V>(weight<V>(value, largest))}}; })
        .of[0];
}

// log(1 + s) for s >= 0, of 2^lift s.
template <class S>
Pair<S> log1p_of_lifted(const Pair<S>& lifted) noexcept {
    using T = typename S::Element;
    const T power = power_of_two<S>(-lift<T>);
    const Pair<S> s{lifted.high * power, lifted.low * power};
    if (!(s.high > 1)) {
        // The ratio is as large as s: what would be subnormal is brought down at the end.
        const Pair<S> log = log1p_of_ratio<S>(quotient<S>(lifted, sum<S>(s, {2, 0})), power);
        return {log.high * power, log.low * power};
    }
    Pair<S> f = sum<S>(s, {1, 0});
    T halvings = 0;
    for (; f.high > static_cast<T>(1.4142135); ++halvings) f = {f.high / 2, f.low / 2};  // f is at most about a count
    const Pair<S> fraction = log1p_of_ratio<S>(quotient<S>(sum<S>(f, {-1, 0}), sum<S>(f, {1, 0})), 1);
    return sum<S>(product<S>(halvings, constant<S>(Coefficients<T>::ln2)), fraction);
}

template <class V>
void log_softmax(const RowTask<Element<V>>& a) noexcept {
    using T = Element<V>;
    using S = Scalar<T>;
    const T largest = largest_of<V>(a.x, a.count);
    // The largest one itself gives 1; the others are summed by themselves, for where they are tiny.
    Index at = 0;
    while (at + 1 < a.count && !(a.x[at] >= largest)) ++at;
    const Pair<S> before = sum_of_weights<V>(a.x, at, largest);
    const Pair<S> after = sum_of_weights<V>(a.x + at + 1, a.count - at - 1, largest);
    Pair<S> log = log1p_of_lifted<S>(sum<S>(before, after));
    log.high += largest - largest;  // NaN where that is infinite
    each_column<V>(a, [&](auto x, Index) FORWARDPASS_UNROLLED {
        const Pair<V> d = two_sum<V>(x, V::broadcast(-largest));
        const Pair<V> y = sum<V>(d, {V::broadcast(-log.high), V::broadcast(-log.low)});
        return finite_or<V>(y.high + y.low, d.high - V::broadcast(log.high));
    });
}

}  // namespace
}  // namespace forwardpass
