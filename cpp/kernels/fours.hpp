// Few outputs of a batch, of at most 128 inputs: as in neighbours.hpp, but four chains leave most of a wide register
// empty, so that several rows of x share one.
#pragma once

#include "epilogue.hpp"

namespace forwardpass {
namespace {

// How many rows: V::load_fours(p, stride) is four elements of each, V::repeat_fours(p) the same four again and again.
template <class V>
constexpr Index rows_in_register = V::lanes / few_chains;

// Four outputs or fewer.
template <class T>
struct FewOutputs {
    const T *x, *w;  // of the first row, and output
    Index x_stride, w_stride, depth;
    T bias[few_chains];
    Activation activation;
    T* y;
    Index y_stride;
};

// `groups` registers of rows from `row` on.
template <class V, int outputs, int groups>
__attribute__((noinline)) void rows_of_fours(const FewOutputs<Element<V>>& a, Index row) noexcept {
    using T = Element<V>;
    constexpr int rows = groups * static_cast<int>(rows_in_register<V>), chains = few_chains;
    const T* const x = a.x + row * a.x_stride;
    Register<V> chain[groups][outputs];
    T start[chains];
    // A chain that does not exist adds nothing: -0.0.
    for (int c = 0; c < chains; ++c) start[c] = c < a.depth ? T{0} : static_cast<T>(-0.0);
    unrolled<groups * outputs>([&](auto i)
                                   FORWARDPASS_UNROLLED { chain[i / outputs][i % outputs] = V::repeat_fours(start); });
    const auto step = [&](const T* x_at, Index x_stride, const T* w_at, Index w_stride) FORWARDPASS_UNROLLED {
        Register<V> w[outputs];
        unrolled<outputs>([&](auto j) FORWARDPASS_UNROLLED { w[j] = V::repeat_fours(w_at + j * w_stride); });
        unrolled<groups>([&](auto g) FORWARDPASS_UNROLLED {
            const auto value = V::load_fours(x_at + g * rows_in_register<V> * x_stride, x_stride);
            unrolled<outputs>([&](auto j) FORWARDPASS_UNROLLED { chain[g][j] = V::fma(value, w[j], chain[g][j]); });
        });
    };
    Index k = 0;
    for (; k + chains <= a.depth; k += chains) step(x + k, a.x_stride, a.w + k, a.w_stride);
    if (k < a.depth) {
        // What is not there is -0.0 * +0.0 = -0.0, which changes no chain.
        T x_rest[rows][chains], w_rest[outputs][chains];
        for (int c = 0; c < chains; ++c) {
            const bool there = k + c < a.depth;
            for (int r = 0; r < rows; ++r) x_rest[r][c] = there ? x[r * a.x_stride + k + c] : static_cast<T>(-0.0);
            for (int j = 0; j < outputs; ++j) w_rest[j][c] = there ? a.w[j * a.w_stride + k + c] : T{0};
        }
        step(x_rest[0], chains, w_rest[0], chains);
    }
    const auto bias = V::repeat_fours(a.bias);
    unrolled<groups>([&](auto g) FORWARDPASS_UNROLLED {
        Register<V> turned[chains];
        unrolled<chains>([&](auto j) FORWARDPASS_UNROLLED { turned[j] = chain[g][j < outputs ? j : 0]; });
        V::transpose_fours(turned);
        auto sum = turned[0];
        unrolled<chains - 1>([&](auto c) FORWARDPASS_UNROLLED { sum = V::add(sum, turned[c + 1]); });
        V::store_fours(a.y + (row + g * rows_in_register<V>)*a.y_stride, a.y_stride,
                       activated<V>(a.activation, V::add(sum, bias)), outputs);
    });
}

template <class V, int outputs>
void all_rows_of_fours(const FewOutputs<Element<V>>& a, Index rows) noexcept {
    constexpr int at_once = 2;
    Index row = 0;
    for (; row + at_once * rows_in_register<V> <= rows; row += at_once * rows_in_register<V>)
        rows_of_fours<V, outputs, at_once>(a, row);
    // The last rows overlap those before: the same sums again, the same bits.
    for (; row < rows; row += rows_in_register<V>)
        rows_of_fours<V, outputs, 1>(a, row + rows_in_register<V> <= rows ? row : rows - rows_in_register<V>);
}

template <class V, int most = few_chains>
void up_to_fours(const FewOutputs<Element<V>>& a, Index rows, Index outputs) noexcept {
    if constexpr (most > 0) {
        if (outputs == most) all_rows_of_fours<V, most>(a, rows);
        else up_to_fours<V, most - 1>(a, rows, outputs);
    }
}

}  // namespace
}  // namespace forwardpass
