// Softmax and its logarithm. A weight is e^(x - largest), computed once.
#pragma once

#include "kernels/functions/row_weights.hpp"

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
    // As doubles, because V::down exists for doubles only.
    T lanes[V::lanes];
    V::store(lanes, most.of[0]);
    Registers<W, static_cast<int>(V::lanes / W::lanes)> wide;
    unrolled<wide.count>([&](auto v) FORWARDPASS_UNROLLED { wide.of[v] = W::load(lanes + v * W::lanes); });
    return static_cast<T>(largest_of<W>(wide));
}

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
    // Calls use(register, place) for each register that the row reaches.
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

// The weights of a longer row wait in y until their sum is known. So each result is rounded twice, and is wrong by at
// most 1.5 units in the last place, plus the error of the polynomial.
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

// The largest element, and the sum of all weights with its own.
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

// The sum without the weight of the largest element, which is 1. It is for rows whose other weights are so small that
// adding 1 would leave few of their digits; there only one element is the largest. Lanes behind the row hold the
// largest too, and so add nothing. Out of line, because it is rare.
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

// Computes several rows at a time, because one row would wait long for its logarithm. Together they stay in L1.
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
