// Sums whose lanes are neighbours in k, each a chain of its own: rows of weights as NumPy holds them, and rows of x. A
// load is a step of many chains; nothing is turned but the sums of a superblock.
//
//    register   x[0] x[1] x[2] ...                            of one row
//               x[0] x[1] x[2] x[3] | x[0] x[1] ... | ...     four chains leave room: the same of the rows behind it,
//               w[0] w[1] w[2] w[3] | w[0] w[1] ... | ...     which meet the same weights
#pragma once

#include "kernels/linear/epilogue.hpp"

namespace forwardpass {
namespace {

// y = activation(W x + b) for rows of x and rows of W, whose elements lie side by side.
template <class T>
struct Products {
    const T* x;
    Index x_stride;
    const T* w;
    Index w_stride;
    Index depth;
    const T* bias;  // or null
    const Activation& activation;
    T* y;
    Index y_stride;
};

// A block of work: groups of rows, outputs, and superblocks side by side. The rows of a group share registers. A set is
// the registers of chains for one superblock, one group and one output.
template <class Vector, int chain_count, int group_count, int output_count, int block_count = 1>
struct Block {
    using V = Vector;
    static constexpr int chains = chain_count, groups = group_count, outputs = output_count, blocks = block_count;
    static constexpr int lanes = static_cast<int>(V::lanes), turned = lanes < chains ? lanes : chains;
    static constexpr int registers = chains / turned, rows_in_group = lanes / turned, rows = groups * rows_in_group;
    static constexpr int sets = groups * outputs * blocks;
    // A vector of sums belongs to the sets that were turned together. Where a group has several rows, these sets are
    // outputs of one group.
    static constexpr int columns = rows_in_group > 1 ? (outputs + turned - 1) / turned * turned : outputs;
    static constexpr int sums = groups * columns, vectors = (sums * blocks + turned - 1) / turned;
    static constexpr Index length = chains * chain_length;
    using Values = Sums<V, 1, vectors>;

    // The set that is turned at place `i`. Where there is none, any set: its sum is not used.
    static constexpr int set_at(int i) noexcept {
        const int block = i / sums, group = i % sums / columns, output = i % sums % columns;
        return block < blocks && output < outputs ? (block * groups + group) * outputs + output : 0;
    }
};

// How many registers of chains fill the FMA units.
constexpr int registers_wanted = 8;

// Adds each set's chains from left to right. Each lane of `sums` becomes the sum of one set.
template <class B>
FORWARDPASS_INLINE void add_sets(const Register<typename B::V> (&chain)[B::sets][B::registers],
                                 typename B::Values& sums) noexcept {
    using V = typename B::V;
    unrolled<B::vectors>([&](auto v) FORWARDPASS_UNROLLED {
        unrolled<B::registers>([&](auto p) FORWARDPASS_UNROLLED {
            Register<V> turned[B::turned];
            unrolled<B::turned>([&](auto l)
                                    FORWARDPASS_UNROLLED { turned[l] = chain[B::set_at(v * B::turned + l)][p]; });
            if constexpr (B::rows_in_group > 1) V::transpose_fours(turned);
            else V::transpose(turned);
            unrolled<B::turned>([&](auto l) FORWARDPASS_UNROLLED {
                if constexpr (p == 0 && l == 0) sums.at[0][v] = turned[0];
                else sums.at[0][v] = V::add(sums.at[0][v], turned[l]);
            });
        });
    });
}

// sums = the superblocks at x and w, which have `left` products. Only a superblock that runs alone may be short.
template <class B, class T>
FORWARDPASS_INLINE void sum_superblocks(const T* x, Index x_stride, const T* w, Index w_stride, Index left,
                                        typename B::Values& sums) noexcept {
    using V = typename B::V;
    constexpr bool shared = B::rows_in_group > 1;
    if (B::blocks > 1 || left > B::length) left = B::length;
    Register<V> chain[B::sets][B::registers];
    const auto begin = [&](const auto& start) FORWARDPASS_UNROLLED {
        unrolled<B::sets * B::registers>(
            [&](auto i) FORWARDPASS_UNROLLED { chain[i / B::registers][i % B::registers] = start(i % B::registers); });
    };
    begin([](int) FORWARDPASS_UNROLLED { return V::broadcast(0); });
    const auto w_at = [](const T* at) FORWARDPASS_UNROLLED {
        if constexpr (shared) return V::repeat_fours(at);
        else return V::load(at);
    };
    if (__builtin_expect(left < B::chains, 0)) {
        // A chain that does not exist adds nothing: -0.0.
        T start[B::chains];
        for (int c = 0; c < B::chains; ++c) start[c] = c < left ? T{0} : static_cast<T>(-0.0);
        begin([&](int p) FORWARDPASS_UNROLLED { return w_at(start + p * B::lanes); });
    }
    const auto step = [&](const T* from, Index stride, const auto& weight) FORWARDPASS_UNROLLED {
        unrolled<B::blocks * B::registers>([&](auto i) FORWARDPASS_UNROLLED {
            constexpr int b = i / B::registers, p = i % B::registers;
            Register<V> held[B::outputs];
            unrolled<B::outputs>([&](auto j) FORWARDPASS_UNROLLED { held[j] = weight(b, j, p); });
            unrolled<B::groups>([&](auto g) FORWARDPASS_UNROLLED {
                const T* const at = from + b * B::length + g * B::rows_in_group * stride + p * B::lanes;
                Register<V> value;
                if constexpr (shared) value = V::load_fours(at, stride);
                else value = V::load(at);
                unrolled<B::outputs>([&](auto j) FORWARDPASS_UNROLLED {
                    auto& sum = chain[(b * B::groups + g) * B::outputs + j][p];
                    sum = V::fma(value, held[j], sum);
                });
            });
        });
    };
    for (; left >= B::chains; left -= B::chains, x += B::chains, w += B::chains)
        step(x, x_stride, [&](int b, int j, int p) FORWARDPASS_UNROLLED {
            return w_at(w + b * B::length + j * w_stride + p * B::lanes);
        });
    if constexpr (B::blocks == 1)
        if (left > 0) {
            // Missing products are -0.0 * +0.0 = -0.0, which changes no chain.
            T x_rest[B::rows][B::chains], w_rest[B::outputs][B::chains];
            for (int c = 0; c < B::chains; ++c) {
                for (int r = 0; r < B::rows; ++r) x_rest[r][c] = c < left ? x[r * x_stride + c] : static_cast<T>(-0.0);
                for (int j = 0; j < B::outputs && shared; ++j) w_rest[j][c] = c < left ? w[j * w_stride + c] : T{0};
            }
            step(x_rest[0], B::chains, [&](int, int j, int p) FORWARDPASS_UNROLLED {
                if constexpr (shared) return w_at(w_rest[j]);
                const T* const from = w + j * w_stride + p * B::lanes;
                const Index there = left - p * B::lanes;
                return there >= B::lanes ? V::load(from) : there > 0 ? V::load_partial(from, there) : V::broadcast(0);
            });
        }
    add_sets<B>(chain, sums);
}

// The sums of all superblocks, `at_once` of them side by side while there are so many, then half as many, ...
template <class V, int chains, int groups, int outputs, int at_once, class T>
FORWARDPASS_INLINE void sum_rows(const Products<T>& a, const T* x, const T* w, Index number, const Kept<T>& kept,
                                 typename Block<V, chains, groups, outputs>::Values& sums) noexcept {
    using B = Block<V, chains, groups, outputs, at_once>;
    const Index count = superblock_count(a.depth);
    const Index end = at_once == 1 ? count : a.depth / B::length / at_once * at_once;
    for (; number < end; number += at_once) {
        const Index k = number * B::length;
        if constexpr (at_once == 1) {
            sum_superblocks<B>(x + k, a.x_stride, w + k, a.w_stride, a.depth - k, sums);
            close_superblock<V>(number, count, sums, kept);
        } else {
            typename B::Values found;
            T each[B::vectors * B::lanes], last[B::vectors * B::lanes];
            sum_superblocks<B>(x + k, a.x_stride, w + k, a.w_stride, a.depth - k, found);
            found.store(each, 0);
            for (int i = 0; i < B::sums; ++i) {
                const auto next = [&](int b)
                                      FORWARDPASS_UNROLLED { return Sums<Scalar<T>, 1, 1>{{{each[b * B::sums + i]}}}; };
                auto sum = next(0);
                close_superblocks<at_once>(number, count, sum, Kept<T>{kept.group + i, kept.total + i, 0}, next);
                last[i] = sum.at[0][0];
            }
            if (number + at_once == count) sums.load(last, 0);
        }
    }
    if constexpr (at_once > 1) sum_rows<V, chains, groups, outputs, at_once / 2>(a, x, w, number, kept, sums);
}

// Computes the rows from `row` on and the outputs from `output` on. Their biases are at `bias`.
template <class B, class T>
__attribute__((noinline)) void run_block(const Products<T>& a, const T* bias, Index row, Index output) noexcept {
    using V = typename B::V;
    constexpr int wanted = registers_wanted / B::registers, sets = B::groups * B::outputs;
    constexpr int at_once = sets >= wanted ? 1 : wanted / sets;
    const T *x = a.x + row * a.x_stride, *w = a.w + output * a.w_stride;
    typename B::Values sums;
    if constexpr (B::chains == few_chains) {
        sum_superblocks<B>(x, a.x_stride, w, a.w_stride, a.depth, sums);
    } else {
        T group[B::vectors * B::lanes] = {}, total[B::vectors * B::lanes] = {};
        sum_rows<V, B::chains, B::groups, B::outputs, at_once>(a, x, w, 0, {group, total, 0}, sums);
    }
    T* const y = a.y + row * a.y_stride + output;
    if constexpr (B::rows_in_group > 1) {
        unrolled<B::vectors>([&](auto v) FORWARDPASS_UNROLLED {
            constexpr int group = v * B::turned / B::columns, j = v * B::turned % B::columns;
            constexpr int left = B::outputs - j;
            const auto value = V::add(sums.at[0][v], V::repeat_fours(bias + j));
            V::store_fours(y + group * B::rows_in_group * a.y_stride + j, a.y_stride, activated<V>(a.activation, value),
                           left < B::turned ? left : B::turned);
        });
    } else if constexpr (B::rows == 1 && B::outputs % B::lanes == 0) {
        finish(sums, bias, a.activation, y, 0, B::outputs);
    } else {
        T found[B::vectors * B::lanes];
        sums.store(found, 0);
        for (int r = 0; r < B::rows; ++r)
            for (int j = 0; j < B::outputs; ++j) {
                const T sum = found[r * B::outputs + j];
                y[r * a.y_stride + j] = activated<Scalar<T>>(a.activation, bias ? sum + bias[j] : sum);
            }
    }
}

// Computes `groups` groups of rows at once, then half as many, and so on. The last group may be too small, so it takes
// rows before it too and computes them again, with the same bits.
template <class V, int chains, int groups, int outputs, class T>
void run_rows(const Products<T>& a, const T* bias, Index rows, Index row, Index output) noexcept {
    using B = Block<V, chains, groups, outputs>;
    for (; row + B::rows <= rows; row += B::rows) run_block<B>(a, bias, row, output);
    if constexpr (groups > 1) run_rows<V, chains, groups / 2, outputs>(a, bias, rows, row, output);
    else if (row < rows) run_block<B>(a, bias, rows - B::rows, output);
}

// Computes `outputs` outputs, `most` or fewer.
template <class V, int chains, int most, int registers, class T>
FORWARDPASS_INLINE void run_outputs(const Products<T>& a, const T* bias, Index rows, Index output,
                                    Index outputs) noexcept {
    constexpr int fit = registers / most > 1 ? registers / most : 1, groups = V::lanes > chains && fit > 4 ? 4 : fit;
    if (outputs == most) run_rows<V, chains, groups, most>(a, bias, rows, 0, output);
    else if constexpr (most > 1) run_outputs<V, chains, most - 1, registers>(a, bias, rows, output, outputs);
}

// As many outputs at once as fill the FMA units.
template <class V, int chains, int most, int registers, class T>
void run_all(const Products<T>& a, Index rows, Index outputs) noexcept {
    for (Index output = 0; output < outputs; output += most) {
        const Index count = outputs - output < most ? outputs - output : most;
        const T* bias = a.bias ? a.bias + output : nullptr;
        T biases[most];
        if constexpr (V::lanes > chains) {
            for (int j = 0; j < most; ++j) biases[j] = bias && j < count ? bias[j] : static_cast<T>(-0.0);
            bias = biases;
        }
        run_outputs<V, chains, most, registers>(a, bias, rows, output, count);
    }
}

// Computes all rows and outputs. V is the widest vector type of the instruction set.
template <class V>
void neighbours(const Products<Element<V>>& a, Index rows, Index outputs) noexcept {
    using Few = typename LanesUpTo<V, few_chains>::Type;
    using Many = typename LanesUpTo<V, many_chains>::Type;
    constexpr int few = registers_wanted * static_cast<int>(Few::lanes) / few_chains;
    constexpr int many = registers_wanted * static_cast<int>(Many::lanes) / many_chains;
    if (chain_count(a.depth) == many_chains) run_all<Many, many_chains, many, many>(a, rows, outputs);
    else if (V::lanes <= few_chains || rows < V::lanes / few_chains || outputs > V::lanes / 2)
        run_all<Few, few_chains, few, few>(a, rows, outputs);
    else if constexpr (V::lanes > few_chains)
        run_all<V, few_chains, V::registers / 4, V::registers / 2>(a, rows, outputs);
    finish_late<V>(a.activation, a.y, a.y_stride, rows, outputs);
}

}  // namespace
}  // namespace forwardpass
