// Sums whose lanes are neighbours in k, each a chain of its own: rows of weights as NumPy holds them, and rows of x. A
// load is a step of many chains; nothing is turned but the sums of a superblock.
#pragma once

#include "activations.hpp"
#include "scalar.hpp"
#include "sums.hpp"

namespace forwardpass {
namespace {

// Rows of a matrix whose elements lie side by side.
template <class T>
struct RowsOf {
    const T* at;
    Index stride;
};

// Rows of x and of w for rows x outputs sums; each sum goes to sums[row * outputs + output].
template <class T>
struct Products {
    RowsOf<T> x, w;
    Index depth;
};

// The registers that are one step of R chains; so many of them run side by side as fill the FMA units.
template <class L, int R>
constexpr int parts = R / static_cast<int>(L::lanes);

// sums[b * rows * outputs + row * outputs + output] = `blocks` superblocks from k on, side by side; the last one only
// may be shorter, if it is the only one.
template <class L, int R, int rows, int outputs, int blocks>
FORWARDPASS_INLINE void sum_superblocks(const Products<Element<L>>& a, Index k, Element<L>* sums) noexcept {
    using T = Element<L>;
    constexpr int lanes = static_cast<int>(L::lanes), in_step = parts<L, R>, sets = rows * outputs * blocks;
    constexpr Index length = R * chain_length;
    const Index left = a.depth - k < length ? a.depth - k : length;
    Register<L> chain[sets][in_step];
    const auto each = [&](const auto& body) FORWARDPASS_UNROLLED {
        unrolled<sets * in_step>([&](auto i) FORWARDPASS_UNROLLED { body(Constant<i / in_step>{}, Constant<i % in_step>{}); });
    };
    const T* const x = a.x.at + k;
    const T* const w = a.w.at + k;
    const auto step = [&](const auto& load_x, const auto& load_w) FORWARDPASS_UNROLLED {
        unrolled<in_step>([&](auto p) FORWARDPASS_UNROLLED {
            unrolled<blocks>([&](auto b) FORWARDPASS_UNROLLED {
                constexpr Index at = b * length + p * lanes;
                Register<L> values[rows < outputs ? rows : outputs];
                if constexpr (rows < outputs) {
                    unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED { values[r] = load_x(r, at); });
                    unrolled<outputs>([&](auto j) FORWARDPASS_UNROLLED {
                        const auto weight = load_w(j, at);
                        unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED {
                            auto& sum = chain[(b * rows + r) * outputs + j][p];
                            sum = L::fma(values[r], weight, sum);
                        });
                    });
                } else {
                    unrolled<outputs>([&](auto j) FORWARDPASS_UNROLLED { values[j] = load_w(j, at); });
                    unrolled<rows>([&](auto r) FORWARDPASS_UNROLLED {
                        const auto input = load_x(r, at);
                        unrolled<outputs>([&](auto j) FORWARDPASS_UNROLLED {
                            auto& sum = chain[(b * rows + r) * outputs + j][p];
                            sum = L::fma(input, values[j], sum);
                        });
                    });
                }
            });
        });
    };
    if (left >= R) each([&](auto i, auto p) FORWARDPASS_UNROLLED { chain[i][p] = L::broadcast(0); });
    else {
        // A chain that does not exist adds nothing: -0.0.
        T start[R];
        for (int c = 0; c < R; ++c) start[c] = c < left ? T{0} : static_cast<T>(-0.0);
        each([&](auto i, auto p) FORWARDPASS_UNROLLED { chain[i][p] = L::load(start + p * lanes); });
    }
    Index i = 0;
    for (; i + R <= left; i += R)
        step([&](auto r, Index at) FORWARDPASS_UNROLLED { return L::load(x + r * a.x.stride + i + at); },
             [&](auto j, Index at) FORWARDPASS_UNROLLED { return L::load(w + j * a.w.stride + i + at); });
    if constexpr (blocks == 1)
        if (i < left) {
            // What is not there is -0.0 * +0.0 = -0.0, which changes no chain.
            T x_rest[rows][R], w_rest[outputs][R];
            for (int c = 0; c < R; ++c) {
                for (int r = 0; r < rows; ++r) x_rest[r][c] = i + c < left ? x[r * a.x.stride + i + c] : static_cast<T>(-0.0);
                for (int j = 0; j < outputs; ++j) w_rest[j][c] = i + c < left ? w[j * a.w.stride + i + c] : T{0};
            }
            step([&](auto r, Index at) FORWARDPASS_UNROLLED { return L::load(x_rest[r] + at); },
                 [&](auto j, Index at) FORWARDPASS_UNROLLED { return L::load(w_rest[j] + at); });
        }
    constexpr int groups = (sets + lanes - 1) / lanes;
    unrolled<groups>([&](auto g) FORWARDPASS_UNROLLED {
        Register<L> sum;
        unrolled<in_step>([&](auto p) FORWARDPASS_UNROLLED {
            Register<L> turned[lanes];
            unrolled<lanes>([&](auto l) FORWARDPASS_UNROLLED {
                constexpr int set = g * lanes + l;
                turned[l] = chain[set < sets ? set : 0][p];
            });
            L::transpose(turned);
            unrolled<lanes>([&](auto l) FORWARDPASS_UNROLLED {
                if constexpr (p == 0 && l == 0) sum = turned[0];
                else sum = L::add(sum, turned[l]);
            });
        });
        L::store(sums + g * lanes, sum);
    });
}

// sums = all of the depth, several superblocks at once while there are so many.
template <class L, int R, int rows, int outputs>
__attribute__((noinline)) void sum_rows(const Products<Element<L>>& a, Element<L>* sums) noexcept {
    using T = Element<L>;
    constexpr int each = rows * outputs, in_register = static_cast<int>(L::lanes);
    constexpr int at_once = R == few_chains || each * parts<L, R> >= 8 ? 1 : 8 / (each * parts<L, R>);
    constexpr Index length = R * chain_length;
    const Index count = superblock_count(a.depth);
    T kept[2][each] = {};
    T found[(each * at_once + in_register - 1) / in_register * in_register];
    Index number = 0;
    const auto add = [&](auto blocks) FORWARDPASS_UNROLLED {
        constexpr int some = blocks;
        sum_superblocks<L, R, rows, outputs, some>(a, number * length, found);
        for (int b = 0; b < some; ++b, ++number)
            for (int i = 0; i < each; ++i) {
                Sums<Scalar<T>, 1, 1> sum{{{found[b * each + i]}}};
                close_superblock<Scalar<T>>(number, count, sum, {kept[0] + i, kept[1] + i, 0});
                sums[i] = sum.at[0][0];
            }
    };
    const Index full = a.depth / length;
    if constexpr (at_once > 1)
        while (number + at_once <= full) add(Constant<at_once>{});
    if constexpr (at_once > 4)
        if (number + 4 <= full) add(Constant<4>{});
    if constexpr (at_once > 2)
        if (number + 2 <= full) add(Constant<2>{});
    while (number < count) add(Constant<1>{});
}

// y = activation(W x + b), for rows of x and of W.
template <class T>
struct RowsByRows {
    Products<T> products;
    const T* bias;  // or null
    const Activation& activation;
    T* y;
    Index y_row_stride;
};

template <class L, int R, int rows, int outputs>
FORWARDPASS_INLINE void some_sums(const RowsByRows<Element<L>>& a, Index row, Index output) noexcept {
    using T = Element<L>;
    T sums[rows * outputs];
    const Products<T>& p = a.products;
    sum_rows<L, R, rows, outputs>(
        {{p.x.at + row * p.x.stride, p.x.stride}, {p.w.at + output * p.w.stride, p.w.stride}, p.depth}, sums);
    for (int r = 0; r < rows; ++r)
        for (int j = 0; j < outputs; ++j) {
            const T sum = sums[r * outputs + j];
            a.y[(row + r) * a.y_row_stride + output + j] =
                activated<Scalar<T>>(a.activation, a.bias ? sum + a.bias[output + j] : sum);
        }
}

// Tiles of rows x outputs, as many at once as fill the FMA units, then half as many, ...
template <class L, int R, int rows, int outputs>
FORWARDPASS_INLINE void all_rows_of(const RowsByRows<Element<L>>& a, Index row, Index count, Index output) noexcept {
    for (; row + rows <= count; row += rows) some_sums<L, R, rows, outputs>(a, row, output);
    if constexpr (rows > 1) all_rows_of<L, R, rows / 2, outputs>(a, row, count, output);
}

template <class L, int R>
void rows_by_rows(const RowsByRows<Element<L>>& a, Index rows, Index outputs) noexcept {
    constexpr int most = 8 / parts<L, R>;
    Index j = 0;
    if constexpr (most >= 8)
        for (; j + 8 <= outputs; j += 8) all_rows_of<L, R, 1, 8>(a, 0, rows, j);
    if constexpr (most >= 4)
        for (; j + 4 <= outputs; j += 4) all_rows_of<L, R, most / 4, 4>(a, 0, rows, j);
    if constexpr (most >= 2)
        for (; j + 2 <= outputs; j += 2) all_rows_of<L, R, most / 2, 2>(a, 0, rows, j);
    for (; j < outputs; ++j) all_rows_of<L, R, most, 1>(a, 0, rows, j);
}

// Rows of W as they lie. V is the widest vector type there is.
template <class V>
void neighbours(const RowsByRows<Element<V>>& a, Index rows, Index outputs) noexcept {
    if (chain_count(a.products.depth) == few_chains)
        rows_by_rows<typename LanesUpTo<V, few_chains>::Type, few_chains>(a, rows, outputs);
    else rows_by_rows<typename LanesUpTo<V, many_chains>::Type, many_chains>(a, rows, outputs);
    if (!fits_registers(a.activation))
        for (Index r = 0; r < rows; ++r) {
            Element<V>* const y = a.y + r * a.y_row_stride;
            activate<V>(a.activation, y, y, outputs);
        }
}

}  // namespace
}  // namespace forwardpass
