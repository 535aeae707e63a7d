// Softmax and its logarithm. A weight is e^(x - largest), computed once.
#pragma once

#include "kernels/functions/logarithm.hpp"
#include "kernels/functions/row_pairs.hpp"

namespace forwardpass {
namespace {

template <class W>
struct Larger : Single<W> {
    static FORWARDPASS_INLINE Register<W> plus(Register<W> a, Register<W> b) noexcept { return W::max(a, b); }
};

template <class W, int k>
FORWARDPASS_INLINE Element<W> largest_of(Registers<W, k> values) noexcept {
    fold_registers<Larger<W>, k / 2>(values.of);
    return first_lane<W>(fold_lanes<Larger<W>, static_cast<int>(W::lanes) / 2>(values.of[0]));
}

template <class V>
FORWARDPASS_INLINE Element<V> largest_of(const Element<V>* x, Index count) noexcept {
    using T = Element<V>;
    using W = typename V::Wide;
    Registers<V, in_step> most;
    unrolled<in_step>([&](auto v) FORWARDPASS_UNROLLED { most.of[v] = V::broadcast(x[0]); });
    Index i = 0;
    for (; i + in_step * V::lanes <= count; i += in_step * V::lanes)
        unrolled<in_step>([&](auto v)
                              FORWARDPASS_UNROLLED { most.of[v] = V::max(most.of[v], V::load(x + i + v * V::lanes)); });
    for (; i + V::lanes <= count; i += V::lanes) most.of[0] = V::max(most.of[0], V::load(x + i));
    if (V::lanes > 1 && i < count) most.of[1] = V::max(most.of[1], elements<V>(x, Rest{i, count - i}, x[0]));
    fold_registers<Larger<V>, in_step / 2>(most.of);
    // As doubles, as only those come down to other lanes.
    T lanes[V::lanes];
    V::store(lanes, most.of[0]);
    Registers<W, static_cast<int>(V::lanes / W::lanes)> wide;
    unrolled<wide.count>([&](auto v) FORWARDPASS_UNROLLED { wide.of[v] = W::load(lanes + v * W::lanes); });
    return static_cast<T>(largest_of<W>(wide));
}

template <class W, class T>
struct Weights;

// Of floats: in doubles, whose exponents have room for every weight that can count. Floats would be a third faster, and
// wrong by more than 2 units [log 18].
template <class W>
struct Weights<W, float> {
    using S = Scalar<double>;
    // 2^n 2^f, f the rest of d log2(e): the digits of d are those of x - largest.
    template <int k>
    static FORWARDPASS_INLINE Registers<W, k> weights(Registers<W, k> d, double largest) noexcept {
        using C = RowCoefficients;
        constexpr int degree = static_cast<int>(sizeof C::exp2_tail / sizeof *C::exp2_tail) - 1;
        const auto log2_e = W::broadcast(C::log2_e), rounder = W::broadcast(FloatFormat<double>::rounder);
        Register<W> n[k], tail[k];
        const auto each = [](const auto& step) FORWARDPASS_UNROLLED { unrolled<k>(step); };
        each([&](auto v) FORWARDPASS_UNROLLED { d.of[v] = d.of[v] - W::broadcast(largest); });
        each([&](auto v) FORWARDPASS_UNROLLED { d.of[v] = W::max(W::broadcast(-700), d.of[v]); });
        each([&](auto v) FORWARDPASS_UNROLLED { n[v] = W::fma(d.of[v], log2_e, rounder); });
        each([&](auto v) FORWARDPASS_UNROLLED { tail[v] = rounder - n[v]; });
        each([&](auto v) FORWARDPASS_UNROLLED { d.of[v] = W::fma(d.of[v], log2_e, tail[v]); });
        each([&](auto v) FORWARDPASS_UNROLLED { tail[v] = W::broadcast(C::exp2_tail[degree]); });
        unrolled<degree>([&](auto i) FORWARDPASS_UNROLLED {
            each([&](auto v) FORWARDPASS_UNROLLED {
                tail[v] = W::fma(tail[v], d.of[v], W::broadcast(C::exp2_tail[degree - 1 - i]));
            });
        });
        each([&](auto v) FORWARDPASS_UNROLLED { n[v] = W::to_exponent(n[v]); });
        each([&](auto v) FORWARDPASS_UNROLLED { d.of[v] = d.of[v] * n[v]; });
        each([&](auto v) FORWARDPASS_UNROLLED { d.of[v] = W::fma(d.of[v], tail[v], n[v]); });
        return d;
    }
    static FORWARDPASS_INLINE Register<W> rounded(Register<W> y) noexcept { return y; }
    static FORWARDPASS_INLINE Register<W> choose(Register<W> x, double least, Register<W> yes,
                                                 Register<W> no) noexcept {
        return W::select_at_least(x, W::broadcast(least), yes, no);
    }
    static FORWARDPASS_INLINE double reciprocal(double total) noexcept { return 1 / total; }
    static FORWARDPASS_INLINE Register<W> share(Register<W> weight, double reciprocal) noexcept {
        return weight * W::broadcast(reciprocal);
    }
    static FORWARDPASS_INLINE ConstantPair<float> parts(double number) noexcept {
        const float high = static_cast<float>(number);
        return {high, static_cast<float>(number - high)};
    }
    static FORWARDPASS_INLINE double others(double sum) noexcept { return sum - 1; }
    static FORWARDPASS_INLINE bool few_digits(double others) noexcept { return others < 0x1p-20; }
    // log(1 + s) = n log(2) + log(m) for 1 + s = 2^n m, m from sqrt(1/2) to sqrt(2): 2 atanh((m - 1) / (m + 1)).
    static FORWARDPASS_INLINE double log1p(double s) noexcept {
        using C = RowCoefficients;
        const double root2 = 1.4142135623730951, whole = 1 + s, moved = whole * root2;
        std::uint64_t bits;
        __builtin_memcpy(&bits, &moved, sizeof bits);
        const std::uint64_t biased = bits >> 52;
        const double n = static_cast<double>(static_cast<std::int64_t>(biased) - 1023);
        const std::uint64_t reversed = (2046 - biased) << 52;  // 2^-n
        double power;
        __builtin_memcpy(&power, &reversed, sizeof power);
        const double m = whole * power, above = n > 0 ? m - 1 : s;
        const double ratio = above / (m + 1), square = ratio * ratio;
        const double log = 2 * S::fma(ratio * square, polynomial<S>(C::atanh_tail, square), ratio);
        return S::fma(n, C::ln2, log);
    }
    static FORWARDPASS_INLINE Register<W> minus(Register<W> x, double largest, double log) noexcept {
        return (x - W::broadcast(largest)) - W::broadcast(log);
    }
};

// Of doubles: in pairs, and 2^lift times as large. The smallest that can count is then normal, low part and all, and so
// is their sum where LogSoftmax takes it without the largest one. The sum overflows from 2^511 of the largest on.
constexpr double lift = 512;

template <class W>
struct Weights<W, double> {
    using S = Scalar<double>;
    static constexpr double of_largest = 0x1p512;

    // What is below e^-limit counts as that, which is nothing, even 2^39 times.
    static FORWARDPASS_INLINE Pair<W> weight(Register<W> x, double largest) noexcept {
        const auto limit = W::broadcast(1060);
        const Pair<W> d = two_sum<W>(x, W::broadcast(-largest));
        const auto low = W::select_at_least(limit, W::magnitude(d.high), d.low, W::broadcast(0));
        const Exponential<W> e = exponential<W>({W::max(-limit, d.high), low});
        const Pair<W> m = significand<W>(e);
        const auto power = power_of_two<W>(e.n + W::broadcast(lift));
        return {m.high * power, m.low * power};
    }
    static FORWARDPASS_INLINE Register<W> rounded(const Pair<W>& y) noexcept { return y.high + y.low; }
    static FORWARDPASS_INLINE Pair<W> choose(Register<W> x, double least, const Pair<W>& yes,
                                             const Pair<W>& no) noexcept {
        const auto bound = W::broadcast(least);
        return {W::select_at_least(x, bound, yes.high, no.high), W::select_at_least(x, bound, yes.low, no.low)};
    }
    template <int k>
    static FORWARDPASS_INLINE Several<Paired<W>, k> weights(const Registers<W, k>& x, double largest) noexcept {
        Several<Paired<W>, k> found;
        unrolled<k>([&](auto v) FORWARDPASS_UNROLLED { found.of[v] = weight(x.of[v], largest); });
        return found;
    }
    static FORWARDPASS_INLINE Pair<S> reciprocal(const Pair<S>& total) noexcept { return quotient<S>({1, 0}, total); }
    static FORWARDPASS_INLINE Register<W> share(const Pair<W>& weight, const Pair<S>& reciprocal) noexcept {
        return rounded(product<W>(weight, broadcast<W>(reciprocal)));
    }
    static FORWARDPASS_INLINE ConstantPair<double> parts(const Pair<S>& number) noexcept {
        return {number.high, number.low};
    }
    static FORWARDPASS_INLINE Pair<S> others(const Pair<S>& sum) noexcept {
        return forwardpass::sum<S>(sum, {-of_largest, 0});
    }
    static FORWARDPASS_INLINE bool few_digits(const Pair<S>& others) noexcept {
        return others.high < 0x1p-40 * of_largest;
    }
    // Of 2^lift s.
    static Pair<S> log1p(const Pair<S>& lifted) noexcept {
        const double power = power_of_two<S>(-lift);
        const Pair<S> s{lifted.high * power, lifted.low * power};
        if (!(s.high > 1)) {
            // The ratio is as large as s: what would be subnormal is brought down at the end.
            const Pair<S> log = log1p_of_ratio<S>(quotient<S>(lifted, sum<S>(s, {2, 0})), power);
            return {log.high * power, log.low * power};
        }
        Pair<S> f = sum<S>(s, {1, 0});
        double halvings = 0;
        for (; f.high > 1.4142135; ++halvings) f = {f.high / 2, f.low / 2};  // f is at most about a count
        const Pair<S> fraction = log1p_of_ratio<S>(quotient<S>(sum<S>(f, {-1, 0}), sum<S>(f, {1, 0})), 1);
        return sum<S>(product<S>(halvings, constant<S>(Coefficients<double>::ln2)), fraction);
    }
    static FORWARDPASS_INLINE Register<W> minus(Register<W> x, double largest, const Pair<S>& log) noexcept {
        const Pair<W> d = two_sum<W>(x, W::broadcast(-largest));
        const Pair<W> y = sum<W>(d, {W::broadcast(-log.high), W::broadcast(-log.low)});
        return finite_or<W>(y.high + y.low, d.high - W::broadcast(log.high));
    }
};

constexpr double nothing = -__builtin_inf();

// A row that fits into the lanes of its sum, in registers.
template <class W, class T>
struct NarrowRow {
    static constexpr int vectors = Lanes<W, T, 1>::vectors;
    Registers<W, vectors> x;

    explicit FORWARDPASS_INLINE NarrowRow(const T* row, Index count) noexcept {
        unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED { x.of[v] = W::broadcast(nothing); });
        each(count, [&](auto v, auto place) FORWARDPASS_UNROLLED { x.of[v] = elements<W>(row, place, nothing); });
    }
    // use(register, place) for those that the row reaches.
    template <class Use>
    static FORWARDPASS_INLINE void each(Index count, const Use& use) noexcept {
        unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED {
            const Index at = v * W::lanes, left = count - at;
            if (left >= W::lanes) use(v, Whole{at});
            else if (W::lanes > 1 && left > 0) use(v, Rest{at, left});
        });
    }
};

// A narrow row stays in registers, and each result is rounded once.
template <class W, class T>
void narrow_softmax(Row<T> row) noexcept {
    using Own = Weights<W, T>;
    const NarrowRow<W, T> narrow(row.x, row.count);
    const auto weights = Own::weights(narrow.x, largest_of<W>(narrow.x));
    const auto reciprocal = Own::reciprocal(total_of<W, T>(weights));
    narrow.each(row.count, [&](auto v, auto place)
                               FORWARDPASS_UNROLLED { put<W>(row.y, place, Own::share(weights.of[v], reciprocal)); });
}

// The weights of a longer row wait in y until their sum is known. So each is rounded twice: to at most 1.5 units in the
// last place, and what the polynomial adds.
template <class V>
void softmax(Row<Element<V>> row) noexcept {
    using T = Element<V>;
    using W = typename V::Wide;
    using Own = Weights<W, T>;
    if (row.count <= line_elements<T>) return narrow_softmax<W>(row);
    const double largest = largest_of<V>(row.x, row.count);
    const auto totals = sum_over<W, 1>(row.x, row.count, nothing, [&](auto x, auto place) FORWARDPASS_UNROLLED {
        constexpr int k = x.count;
        const auto weights = Own::weights(x, largest);
        Registers<W, k> rounded;
        unrolled<k>([&](auto v) FORWARDPASS_UNROLLED { rounded.of[v] = Own::rounded(weights.of[v]); });
        put<W>(row.y, place, rounded);
        return RowSums<W, T, 1, k>{{weights}};
    });
    const ConstantPair<T> reciprocal = Own::parts(Own::reciprocal(totals.of[0]));
    const auto high = V::broadcast(reciprocal.high), low = V::broadcast(reciprocal.low);
    each_column<V>(Row<T>{row.y, row.y, row.count},
                   [&](auto weight, auto) FORWARDPASS_UNROLLED { return V::fma(weight, high, weight * low); });
}

// The largest element and the sum of all weights, its own among them.
template <class T>
struct SumOfWeights {
    double largest;
    typename TwiceTheDigits<Scalar<double>, T>::Number sum;
};

template <class V>
FORWARDPASS_INLINE SumOfWeights<Element<V>> sum_of_weights(const Element<V>* x, Index count) noexcept {
    using T = Element<V>;
    using W = typename V::Wide;
    using Own = Weights<W, T>;
    if (count <= line_elements<T>) {
        const NarrowRow<W, T> narrow(x, count);
        const double largest = largest_of<W>(narrow.x);
        return {largest, total_of<W, T>(Own::weights(narrow.x, largest))};
    }
    const double largest = largest_of<V>(x, count);
    const auto totals = sum_over<W, 1>(x, count, nothing, [&](auto values, auto) FORWARDPASS_UNROLLED {
        return RowSums<W, T, 1, values.count>{{Own::weights(values, largest)}};
    });
    return {largest, totals.of[0]};
}

// Without that of the largest, where the others are so small that 1 would leave few of their digits: then there is one.
// What lies behind the row counts as the largest too, and so for nothing. Out of line, as it is rare.
template <class W, class T>
__attribute__((noinline)) auto sum_of_others(const T* x, Index count, double largest) noexcept {
    using Own = Weights<W, T>;
    const auto totals = sum_over<W, 1>(x, count, largest, [&](auto values, auto) FORWARDPASS_UNROLLED {
        auto weights = Own::weights(values, largest);
        unrolled<values.count>([&](auto v) FORWARDPASS_UNROLLED {
            weights.of[v] = Own::choose(values.of[v], largest, TwiceTheDigits<W, T>::zero(), weights.of[v]);
        });
        return RowSums<W, T, 1, values.count>{{weights}};
    });
    return totals.of[0];
}

// Several rows at a time, as a logarithm keeps a row waiting, and in all so many elements that they stay in L1.
template <class V>
void log_softmax(const Batch<Element<V>>& batch) noexcept {
    using T = Element<V>;
    using W = typename V::Wide;
    using Own = Weights<W, T>;
    constexpr Index most = 8, near = 2048;
    const Index fitting = near / batch.width, together = fitting < 1 ? 1 : fitting < most ? fitting : most;
    SumOfWeights<T> sums[most];
    typename TwiceTheDigits<Scalar<double>, T>::Number logs[most];
    for (Index first = 0; first < batch.rows; first += together) {
        const Index rows = batch.rows - first < together ? batch.rows - first : together;
        const T* const x = batch.x + first * batch.x_row_stride;
        T* const y = batch.y + first * batch.y_row_stride;
        for (Index r = 0; r < rows; ++r) sums[r] = sum_of_weights<V>(x + r * batch.x_row_stride, batch.width);
        for (Index r = 0; r < rows; ++r) {
            auto others = Own::others(sums[r].sum);
            if (Own::few_digits(others))
                others = sum_of_others<W>(x + r * batch.x_row_stride, batch.width, sums[r].largest);
            logs[r] = Own::log1p(others);
        }
        for (Index r = 0; r < rows; ++r) {
            const double largest = sums[r].largest;
            const auto log = logs[r];
            each_column<W>(Row<T>{x + r * batch.x_row_stride, y + r * batch.y_row_stride, batch.width},
                           [&](auto value, auto) FORWARDPASS_UNROLLED { return Own::minus(value, largest, log); });
        }
    }
}

}  // namespace
}  // namespace forwardpass
