// One row of x against a weight in Fortran order: each k has its outputs side by side. They stream through once, some
// rows of one chain at a time, over chains that wait in L1.
#pragma once

#include "epilogue.hpp"

namespace forwardpass {
namespace {

// Outputs whose chains and sums stay in L1, and on the stack of any thread: 4 KB each.
template <class T>
constexpr Index outputs_in_l1 = Index{4096 / sizeof(T)};

// Steps of a chain that pass over it at once.
constexpr int steps_at_once = 8;

// w[k * stride + j], for `count` outputs.
template <class T>
struct FortranRows {
    const T* w;
    Index stride;
    const T* x;
    Index depth, count;
};

// chain[j] = the next `steps` steps of a chain that `opens` with them; handed to use(j, chain) for each vector.
template <class V, int steps, class Use>
FORWARDPASS_INLINE void pass_over(const FortranRows<Element<V>>& a, Index k, Index chains, bool opens,
                                  const Element<V>* chain, const Use& use) noexcept {
    using T = Element<V>;
    Register<V> x[steps];
    unrolled<steps>([&](auto i) FORWARDPASS_UNROLLED { x[i] = V::load_broadcast(a.x + k + i * chains); });
    const T* const w = a.w + k * a.stride;
    const Index step = chains * a.stride;
    const auto vectors = [&](auto count, Index j) FORWARDPASS_UNROLLED {
        constexpr int some = count;
        Register<V> sum[some];
        unrolled<some>(
            [&](auto v) FORWARDPASS_UNROLLED { sum[v] = opens ? V::broadcast(0) : V::load(chain + j + v * V::lanes); });
        unrolled<steps>([&](auto i) FORWARDPASS_UNROLLED {
            unrolled<some>([&](auto v) FORWARDPASS_UNROLLED {
                sum[v] = V::fma(x[i], V::load(w + i * step + j + v * V::lanes), sum[v]);
            });
        });
        unrolled<some>([&](auto v) FORWARDPASS_UNROLLED { use(j + v * V::lanes, sum[v]); });
    };
    Index j = 0;
    for (; j + 2 * V::lanes <= a.count; j += 2 * V::lanes) vectors(Constant<2>{}, j);
    for (; j + V::lanes <= a.count; j += V::lanes) vectors(Constant<1>{}, j);
    if (j < a.count) {
        Register<V> sum = opens ? V::broadcast(0) : V::load(chain + j);
        unrolled<steps>([&](auto i) FORWARDPASS_UNROLLED {
            sum = V::fma(x[i], V::load_partial(w + i * step + j, a.count - j), sum);
        });
        use(j, sum);
    }
}

// `count` outputs of `a`, at most outputs_in_l1.
template <class V>
void fortran_row(const FortranRows<Element<V>>& a, const Element<V>* bias, const Activation& activation,
                 Element<V>* y) noexcept {
    using T = Element<V>;
    constexpr Index most = outputs_in_l1<T> + V::lanes;
    T chain[most], sums[most], group[most], total[most];
    const Index chains = chain_count(a.depth), length = superblock_length(a.depth);
    const Index count = a.depth > 0 ? superblock_count(a.depth) : 1;
    if (a.depth == 0)
        for (Index j = 0; j < a.count; ++j) sums[j] = 0;
    for (Index number = 0; number * length < a.depth; ++number) {
        const Superblock s = superblock_of(a.depth, number);
        for (Index c = 0; c < s.chains; ++c) {
            const Index steps = s.steps + (c < s.longer ? 1 : 0);
            const auto keep = [&](Index j, Register<V> value) FORWARDPASS_UNROLLED { V::store(chain + j, value); };
            const auto close = [&](Index j, Register<V> value) FORWARDPASS_UNROLLED {
                Sums<V, 1, 1> sum{{{value}}};
                if (c > 0) sum.add_stored(sums + j, 0);
                if (c + 1 == s.chains) close_superblock<V>(number, count, sum, {group + j, total + j, 0});
                sum.store(sums + j, 0);
            };
            Index i = 0;
            const auto pass = [&](auto at_once) FORWARDPASS_UNROLLED {
                constexpr int some = at_once;
                for (; i + some <= steps; i += some) {
                    const Index k = number * length + c + i * chains;
                    if (i + some < steps) pass_over<V, some>(a, k, chains, i == 0, chain, keep);
                    else pass_over<V, some>(a, k, chains, i == 0, chain, close);
                }
            };
            pass(Constant<steps_at_once>{});
            pass(Constant<1>{});
        }
    }
    Index j = 0;
    for (; j < a.count; j += V::lanes) {
        Sums<V, 1, 1> sum;
        sum.load(sums + j, 0);
        if (j + V::lanes <= a.count) finish(sum, bias ? bias + j : nullptr, activation, y + j, 0, V::lanes);
        else {
            T last[V::lanes] = {};
            if (bias)
                for (Index i = j; i < a.count; ++i) last[i - j] = bias[i];
            finish(sum, bias ? last : nullptr, activation, y + j, 0, a.count - j);
        }
    }
    finish_late<V>(activation, y, 0, 1, a.count);
}

}  // namespace
}  // namespace forwardpass
