// Helpers that the functions of whole rows share. They compute a row with at least twice the digits of its elements and
// round once: floats as doubles, and doubles as pairs. W is the instruction set's vector of doubles for both.
//
// A sum over a row has 64 bytes of lanes, and element i is added to lane i modulo their number. Then the upper half of
// the lanes is added to the lower half, again and again. So registers of any width give the same bits. ROW_ORDER of
// bindings/machine.cpp names this order, and a change of the order needs a new name.
#pragma once

#include "kernels/functions/functions.hpp"
#include "kernels/isa/scalar.hpp"
#include "kernels/layout/panel.hpp"

namespace forwardpass {
namespace {

template <class T>
struct Row {
    const T* x;
    T* y;
    Index count;
};

// Numbers as they are added up: a register, or pairs of them.
template <class W>
struct Single {
    using Number = Register<W>;
    static FORWARDPASS_INLINE Number zero() noexcept { return W::broadcast(0); }
    static FORWARDPASS_INLINE Number plus(Number a, Number b) noexcept { return a + b; }
    template <int n>
    static FORWARDPASS_INLINE Number down(Number a) noexcept {
        return W::template down<n>(a);
    }
};

template <class W>
struct Paired {
    using Number = Pair<W>;
    static FORWARDPASS_INLINE Number zero() noexcept { return {W::broadcast(0), W::broadcast(0)}; }
    static FORWARDPASS_INLINE Number plus(const Number& a, const Number& b) noexcept {
        const Pair<W> high = two_sum<W>(a.high, b.high);
        return {high.high, high.low + (a.low + b.low)};
    }
    template <int n>
    static FORWARDPASS_INLINE Number down(const Number& a) noexcept {
        return {W::template down<n>(a.high), W::template down<n>(a.low)};
    }
};

// Numbers of at least twice the digits of T.
template <class W, class T>
using TwiceTheDigits = Choose<sizeof(T) == 4, Single<W>, Paired<W>>;

// Registers or pairs that lie side by side in a row. Each operation is done on all of them in turn, so that one hides
// the others' latency.
template <class Kind, int k>
struct Several {
    static constexpr int count = k;
    typename Kind::Number of[k];
};
template <class W, int k>
using Registers = Several<Single<W>, k>;

// So many fill the registers of every instruction set, and hide most of the latency.
constexpr int in_step = 4;

template <class W>
FORWARDPASS_INLINE Element<W> first_lane(Register<W> a) noexcept {
    if constexpr (W::lanes == 1) return a;
    else return a[0];
}

template <class W>
FORWARDPASS_INLINE Pair<Scalar<Element<W>>> first_lane(const Pair<W>& a) noexcept {
    return {first_lane<W>(a.high), first_lane<W>(a.low)};
}

// The place of elements in a row: Whole fills a register, and the other one, at the end of a row, has fewer.
struct Whole {
    Index at;
};
struct Rest {
    Index at, count;
};

// Loads the elements at a place. Lanes behind the end of the row get `behind`.
template <class W, class T>
FORWARDPASS_INLINE Register<W> elements(const T* row, Whole place, Element<W>) noexcept {
    return W::load(row + place.at);
}
template <class W, class T>
FORWARDPASS_INLINE Register<W> elements(const T* row, Rest place, Element<W> behind) noexcept {
    alignas(64) static constexpr Element<W> numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return W::select_at_least(W::load(numbers), W::broadcast(static_cast<Element<W>>(place.count)),
                              W::broadcast(behind), W::load_partial(row + place.at, place.count));
}

template <class W, class T>
FORWARDPASS_INLINE void put(T* row, Whole place, Register<W> y) noexcept {
    W::store(row + place.at, y);
}
template <class W, class T>
FORWARDPASS_INLINE void put(T* row, Rest place, Register<W> y) noexcept {
    W::store_partial(row + place.at, y, place.count);
}

template <class W, class T, int k>
FORWARDPASS_INLINE void put(T* row, Whole place, const Registers<W, k>& y) noexcept {
    unrolled<k>([&](auto v) FORWARDPASS_UNROLLED { put<W>(row, Whole{place.at + v * W::lanes}, y.of[v]); });
}
template <class W, class T>
FORWARDPASS_INLINE void put(T* row, Rest place, const Registers<W, 1>& y) noexcept {
    put<W>(row, place, y.of[0]);
}

// Several sums over the same row.
template <class W, class T, int sums, int k>
struct RowSums {
    Several<TwiceTheDigits<W, T>, k> of[sums];
};

template <class A, int half, class Number, int count>
FORWARDPASS_INLINE void fold_registers(Number (&totals)[count]) noexcept {
    if constexpr (half > 0) {
        unrolled<half>([&](auto v) FORWARDPASS_UNROLLED { totals[v] = A::plus(totals[v], totals[v + half]); });
        fold_registers<A, half / 2>(totals);
    }
}

template <class A, int half, class Number>
FORWARDPASS_INLINE Number fold_lanes(const Number& total) noexcept {
    if constexpr (half == 0) return total;
    else return fold_lanes<A, half / 2>(A::plus(total, A::template down<half>(total)));
}

// As they are found.
template <class T, int sums>
struct RowTotals {
    typename TwiceTheDigits<Scalar<double>, T>::Number of[sums];
};

template <class W, class T, int sums>
class Lanes {
public:
    static constexpr int vectors = static_cast<int>(line_elements<T> / W::lanes);

    FORWARDPASS_INLINE Lanes() noexcept {
        unrolled<sums>([&](auto s) FORWARDPASS_UNROLLED {
            unrolled<vectors>([&](auto v) FORWARDPASS_UNROLLED { of_[s][v] = A::zero(); });
        });
    }
    // From the lanes of register `first` on, and again from the first lane.
    template <int first, int k>
    FORWARDPASS_INLINE void add(const RowSums<W, T, sums, k>& more) noexcept {
        unrolled<sums>([&](auto s) FORWARDPASS_UNROLLED {
            unrolled<k>([&](auto v) FORWARDPASS_UNROLLED {
                auto& lanes = of_[s][(first + v) % vectors];
                lanes = A::plus(lanes, more.of[s].of[v]);
            });
        });
    }
    FORWARDPASS_INLINE RowTotals<T, sums> totals() noexcept {
        RowTotals<T, sums> found;
        unrolled<sums>([&](auto s) FORWARDPASS_UNROLLED {
            fold_registers<A, vectors / 2>(of_[s]);
            found.of[s] = first_lane<W>(fold_lanes<A, static_cast<int>(W::lanes) / 2>(of_[s][0]));
        });
        return found;
    }

private:
    using A = TwiceTheDigits<W, T>;
    typename A::Number of_[sums][vectors];
};

template <class W, class T>
FORWARDPASS_INLINE auto total_of(const Several<TwiceTheDigits<W, T>, Lanes<W, T, 1>::vectors>& terms) noexcept {
    Lanes<W, T, 1> lanes;
    lanes.template add<0>(RowSums<W, T, 1, Lanes<W, T, 1>::vectors>{{terms}});
    return lanes.totals().of[0];
}

// Sums term(Several registers of x, place), a RowSums, over x[0..count). The last register may have lanes of `behind`,
// whose terms must not change the sums.
template <class W, int sums, class T, class Term>
FORWARDPASS_INLINE RowTotals<T, sums> sum_over(const T* x, Index count, Element<W> behind, const Term& term) noexcept {
    Lanes<W, T, sums> lanes;
    constexpr int vectors = Lanes<W, T, sums>::vectors, most = vectors > in_step ? vectors : in_step;
    Index i = 0;
    for (; i + most * W::lanes <= count; i += most * W::lanes)
        unrolled<most / in_step>([&](auto group) FORWARDPASS_UNROLLED {
            constexpr int first = group * in_step;
            const Whole place{i + first * W::lanes};
            Registers<W, in_step> values;
            unrolled<in_step>([&](auto v)
                                  FORWARDPASS_UNROLLED { values.of[v] = W::load(x + place.at + v * W::lanes); });
            lanes.template add<first>(term(values, place));
        });
    unrolled<most>([&](auto v) FORWARDPASS_UNROLLED {
        const Index at = i + v * W::lanes, left = count - at;
        const auto add = [&](auto place) FORWARDPASS_UNROLLED {
            const Registers<W, 1> value{{elements<W>(x, place, behind)}};
            lanes.template add<v>(term(value, place));
        };
        if (left >= W::lanes) add(Whole{at});
        else if (W::lanes > 1 && left > 0) add(Rest{at, left});
    });
    return lanes.totals();
}

// y = compute(x register, place) for all elements of a row.
template <class W, class T, class Compute>
FORWARDPASS_INLINE void each_column(Row<T> row, const Compute& compute) noexcept {
    const auto whole = [&](Index at)
                           FORWARDPASS_UNROLLED { put<W>(row.y, Whole{at}, compute(W::load(row.x + at), Whole{at})); };
    Index i = 0;
    for (; i + in_step * W::lanes <= row.count; i += in_step * W::lanes)
        unrolled<in_step>([&](auto v) FORWARDPASS_UNROLLED { whole(i + v * W::lanes); });
    for (; i + W::lanes <= row.count; i += W::lanes) whole(i);
    if (W::lanes > 1 && i < row.count) {
        const Rest rest{i, row.count - i};
        put<W>(row.y, rest, compute(W::load_partial(row.x + i, rest.count), rest));
    }
}

// A row of the table. Kernels read whole registers, also behind the last column.
[[maybe_unused]] inline const double* values_of(const RowTask& task, Index row) noexcept {
    return task.table + row * task.table_stride;
}

}  // namespace
}  // namespace forwardpass
