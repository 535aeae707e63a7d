// Sums whose lanes are neighbours in k, each a chain of its own: rows of weights as NumPy holds them, and rows of x. A
// load is a step of many chains; nothing is turned but the sums of a superblock.
#pragma once

#include "fours.hpp"

namespace forwardpass {
namespace {

// Rows of a matrix whose elements lie side by side.
template <class T>
struct RowsOf {
    const T* at;
    Index stride;
};

// y = activation(W x + b) for rows of x and rows of W.
template <class T>
struct RowsByRows {
    RowsOf<T> x, w;
    Index depth;
    const T* bias;  // or null
    const Activation& activation;
    T* y;
    Index y_row_stride;
};

// The products of some rows with some outputs, and `blocks` superblocks of each side by side, as many as fill the FMA
// units. L has at most `chains` lanes, so a step of them is that many registers. Set s is superblock s / sums of sum
// s % sums = row * outputs + output.
template <class Lanes, int chain_count, int row_count, int output_count, int block_count = 1>
struct Block {
    using L = Lanes;
    static constexpr int chains = chain_count, rows = row_count, outputs = output_count, blocks = block_count;
    static constexpr int lanes = static_cast<int>(L::lanes), registers = chains / lanes;
    static constexpr int sums = rows * outputs, sets = sums * blocks, vectors = (sets + lanes - 1) / lanes;
    static constexpr Index length = chains * chain_length;
    using Values = Sums<L, 1, vectors>;
    template <int some>
    using With = Block<L, chains, rows, outputs, some>;
};

// How many registers of chains fill the FMA units.
constexpr int registers_wanted = 8;

// chain[set][p] += x w, for loads of the register at p of row r, or output j, of superblock b.
template <class B, class LoadX, class LoadW>
FORWARDPASS_INLINE void advance_sets(const LoadX& load_x, const LoadW& load_w,
                                     Register<typename B::L> (&chain)[B::sets][B::registers]) noexcept {
    using L = typename B::L;
    unrolled<B::registers * B::blocks>([&](auto i) FORWARDPASS_UNROLLED {
        constexpr int p = i % B::registers, b = i / B::registers;
        const auto add = [&](int r, int j, Register<L> x, Register<L> w) FORWARDPASS_UNROLLED {
            auto& sum = chain[b * B::sums + r * B::outputs + j][p];
            sum = L::fma(x, w, sum);
        };
        // The shorter side is held in registers.
        if constexpr (B::rows < B::outputs) {
            Register<L> x[B::rows];
            unrolled<B::rows>([&](auto r) FORWARDPASS_UNROLLED { x[r] = load_x(r, b, p); });
            unrolled<B::outputs>([&](auto j) FORWARDPASS_UNROLLED {
                const auto w = load_w(j, b, p);
                unrolled<B::rows>([&](auto r) FORWARDPASS_UNROLLED { add(r, j, x[r], w); });
            });
        } else {
            Register<L> w[B::outputs];
            unrolled<B::outputs>([&](auto j) FORWARDPASS_UNROLLED { w[j] = load_w(j, b, p); });
            unrolled<B::rows>([&](auto r) FORWARDPASS_UNROLLED {
                const auto x = load_x(r, b, p);
                unrolled<B::outputs>([&](auto j) FORWARDPASS_UNROLLED { add(r, j, x, w[j]); });
            });
        }
    });
}

// The sets' chains, added from left to right: lane after lane a set's sum.
template <class B>
FORWARDPASS_INLINE void add_chains(const Register<typename B::L> (&chain)[B::sets][B::registers],
                                   typename B::Values& sums) noexcept {
    using L = typename B::L;
    unrolled<B::vectors>([&](auto v) FORWARDPASS_UNROLLED {
        unrolled<B::registers>([&](auto p) FORWARDPASS_UNROLLED {
            Register<L> turned[B::lanes];
            unrolled<B::lanes>([&](auto l) FORWARDPASS_UNROLLED {
                constexpr int set = v * B::lanes + l;
                turned[l] = chain[set < B::sets ? set : 0][p];
            });
            L::transpose(turned);
            unrolled<B::lanes>([&](auto l) FORWARDPASS_UNROLLED {
                if constexpr (p == 0 && l == 0) sums.at[0][v] = turned[0];
                else sums.at[0][v] = L::add(sums.at[0][v], turned[l]);
            });
        });
    });
}

// sums = the superblocks that begin at k. Only a single one may be short.
template <class B, class T>
FORWARDPASS_INLINE void sum_superblocks(const RowsByRows<T>& a, Index k, typename B::Values& sums) noexcept {
    using L = typename B::L;
    const T* const x = a.x.at + k;
    const T* const w = a.w.at + k;
    const Index x_stride = a.x.stride, w_stride = a.w.stride;
    const Index left = B::blocks > 1 || a.depth - k > B::length ? B::length : a.depth - k;
    Register<L> chain[B::sets][B::registers];
    unrolled<B::sets * B::registers>(
        [&](auto i) FORWARDPASS_UNROLLED { chain[i / B::registers][i % B::registers] = L::broadcast(0); });
    if (__builtin_expect(left < B::chains, 0)) {
        // A chain that does not exist adds nothing: -0.0.
        T start[B::chains];
        for (int c = 0; c < B::chains; ++c) start[c] = c < left ? T{0} : static_cast<T>(-0.0);
        unrolled<B::sets * B::registers>([&](auto i) FORWARDPASS_UNROLLED {
            chain[i / B::registers][i % B::registers] = L::load(start + i % B::registers * B::lanes);
        });
    }
    Index i = 0;
    for (; i + B::chains <= left; i += B::chains)
        advance_sets<B>(
            [&](int r, int b, int p)
                FORWARDPASS_UNROLLED { return L::load(x + r * x_stride + b * B::length + i + p * B::lanes); },
            [&](int j, int b, int p)
                FORWARDPASS_UNROLLED { return L::load(w + j * w_stride + b * B::length + i + p * B::lanes); },
            chain);
    if constexpr (B::blocks == 1)
        if (i < left) {
            // What is not there is -0.0 * +0.0 = -0.0, which changes no chain.
            T rest[B::rows][B::chains];
            for (int r = 0; r < B::rows; ++r)
                for (int c = 0; c < B::chains; ++c)
                    rest[r][c] = i + c < left ? x[r * x_stride + i + c] : static_cast<T>(-0.0);
            advance_sets<B>([&](int r, int, int p) FORWARDPASS_UNROLLED { return L::load(rest[r] + p * B::lanes); },
                            [&](int j, int, int p) FORWARDPASS_UNROLLED {
                                const Index first = i + p * B::lanes;
                                const T* const from = w + j * w_stride + first;
                                if (left - first >= B::lanes) return L::load(from);
                                return left > first ? L::load_partial(from, left - first) : L::broadcast(0);
                            },
                            chain);
        }
    add_chains<B>(chain, sums);
}

// The sums of all superblocks, several at once while there are so many, for the rows and outputs at x and w of `a`.
template <class B, class T>
FORWARDPASS_INLINE void sum_rows(const RowsByRows<T>& a, typename B::Values& sums) noexcept {
    using L = typename B::L;
    constexpr int wanted = registers_wanted / B::registers;
    constexpr int at_once = B::chains == few_chains || B::sums >= wanted ? 1 : wanted / B::sums;
    const Index count = superblock_count(a.depth);
    constexpr int places = B::vectors * B::lanes;
    T group[places] = {}, total[places] = {}, last[places] = {};
    Index number = 0;
    // So many superblocks at once are of one group, as both are powers of two.
    const auto add_several = [&](auto several) FORWARDPASS_UNROLLED {
        using Several = typename B::template With<several>;
        typename Several::Values found;
        sum_superblocks<Several>(a, number * B::length, found);
        T each[Several::vectors * B::lanes];
        found.store(each, 0);
        const bool opens = number % superblocks_in_group == 0;
        number += several;
        for (int i = 0; i < B::sums; ++i) {
            Sums<Scalar<T>, 1, 1> sum{{{opens ? each[i] : group[i] + each[i]}}};
            for (int b = 1; b < several; ++b) sum.at[0][0] = sum.at[0][0] + each[b * B::sums + i];
            close_group<Scalar<T>>(number - 1, count, sum, Kept<T>{group + i, total + i, 0});
            last[i] = sum.at[0][0];
        }
        if (number == count) sums.load(last, 0);
    };
    if constexpr (at_once > 1) {
        const Index full = a.depth / B::length;
        while (number + at_once <= full) add_several(Constant<at_once>{});
        if constexpr (at_once > 4)
            if (number + 4 <= full) add_several(Constant<4>{});
        if constexpr (at_once > 2)
            if (number + 2 <= full) add_several(Constant<2>{});
    }
    for (; number < count; ++number) {
        sum_superblocks<B>(a, number * B::length, sums);
        if (count > 1) close_superblock<L>(number, count, sums, Kept<T>{group, total, 0});
    }
}

// Rows from `row`, and outputs from `output` on.
template <class B, class T>
__attribute__((noinline)) void some_sums(const RowsByRows<T>& a, Index row, Index output) noexcept {
    RowsByRows<T> part = a;
    part.x.at += row * a.x.stride;
    part.w.at += output * a.w.stride;
    typename B::Values sums;
    sum_rows<B>(part, sums);
    T* const y = a.y + row * a.y_row_stride + output;
    const T* const bias = a.bias ? a.bias + output : nullptr;
    if constexpr (B::rows == 1 && B::sets % B::lanes == 0) {
        finish(sums, bias, a.activation, y, 0, B::sums);
    } else {
        T found[B::vectors * B::lanes];
        sums.store(found, 0);
        for (int r = 0; r < B::rows; ++r)
            for (int j = 0; j < B::outputs; ++j) {
                const T sum = found[r * B::outputs + j];
                y[r * a.y_row_stride + j] = activated<Scalar<T>>(a.activation, bias ? sum + bias[j] : sum);
            }
    }
}

// So many rows at once, then half as many, ...
template <class L, int chains, int rows, int outputs, class T>
void all_rows_of(const RowsByRows<T>& a, Index row, Index count, Index output) noexcept {
    for (; row + rows <= count; row += rows) some_sums<Block<L, chains, rows, outputs>>(a, row, output);
    if constexpr (rows > 1) all_rows_of<L, chains, rows / 2, outputs>(a, row, count, output);
}

// One row, and as few outputs as run side by side.
template <class L, int chains, int most, class T>
void row_by_rows(const RowsByRows<T>& a, Index outputs) noexcept {
    if (outputs == most) some_sums<Block<L, chains, 1, most>>(a, 0, 0);
    else if constexpr (most > 1) row_by_rows<L, chains, most - 1>(a, outputs);
}

template <class L, int chains, class T>
void rows_by_rows(const RowsByRows<T>& a, Index rows, Index outputs) noexcept {
    constexpr int most = registers_wanted * static_cast<int>(L::lanes) / chains;
    if (rows == 1 && outputs <= most) return row_by_rows<L, chains, most>(a, outputs);
    Index j = 0;
    if constexpr (most >= 8)
        for (; j + 8 <= outputs; j += 8) all_rows_of<L, chains, 1, 8>(a, 0, rows, j);
    if constexpr (most >= 4)
        for (; j + 4 <= outputs; j += 4) all_rows_of<L, chains, most / 4, 4>(a, 0, rows, j);
    if constexpr (most >= 2)
        for (; j + 2 <= outputs; j += 2) all_rows_of<L, chains, most / 2, 2>(a, 0, rows, j);
    for (; j < outputs; ++j) all_rows_of<L, chains, most, 1>(a, 0, rows, j);
}

// Several rows in a register.
template <class V, class T>
void rows_in_fours(const RowsByRows<T>& a, Index rows, Index outputs) noexcept {
    for (Index j = 0; j < outputs; j += few_chains) {
        const Index count = outputs - j < few_chains ? outputs - j : few_chains;
        FewOutputs<T> some{a.x.at,  a.w.at + j * a.w.stride, a.x.stride, a.w.stride, a.depth, {}, a.activation,
                           a.y + j, a.y_row_stride};
        for (Index i = 0; i < few_chains; ++i)
            some.bias[i] = a.bias && i < count ? a.bias[j + i] : static_cast<T>(-0.0);
        up_to_fours<V>(some, rows, count);
    }
}

// All of them. V is the widest vector type there is.
template <class V>
void neighbours(const RowsByRows<Element<V>>& a, Index rows, Index outputs) noexcept {
    constexpr bool shares_registers = V::lanes > few_chains;
    const bool few = chain_count(a.depth) == few_chains;
    if (shares_registers && few && rows >= V::lanes / few_chains && outputs <= V::lanes / 2) {
        if constexpr (shares_registers) rows_in_fours<V>(a, rows, outputs);
    } else if (few) rows_by_rows<typename LanesUpTo<V, few_chains>::Type, few_chains>(a, rows, outputs);
    else rows_by_rows<typename LanesUpTo<V, many_chains>::Type, many_chains>(a, rows, outputs);
    finish_late<V>(a.activation, a.y, a.y_row_stride, rows, outputs);
}

}  // namespace
}  // namespace forwardpass
