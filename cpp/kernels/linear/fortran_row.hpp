// One row of x and a weight in Fortran order, where the outputs of each k lie side by side. The kernel reads the
// weights once, some rows of one chain at a time, and the chains wait in L1.
#pragma once

#include "kernels/linear/epilogue.hpp"

namespace forwardpass {
namespace {

// How many outputs run together: their chains and sums, 4 KB each, fit L1 and the stack of any thread.
template <class T>
constexpr Index outputs_in_l1 = Index{4096 / sizeof(T)};

// So many steps of a chain are done each time that it is loaded.
constexpr int steps_at_once = 8;

// w[k * stride + j], for `count` outputs.
template <class T>
struct FortranRows {
    const T* w;
    Index stride;
    const T* x;
    Index depth, count;
};

// Does the next `steps` steps of a chain, which are its first ones where `opens`, and calls use(j, chain) for each
// vector.
template <class V, int steps, class Use>
FORWARDPASS_INLINE void pass_over(const FortranRows<Element<V>>& a, Index k, Index chains, bool opens,
                                  const Element<V>* chain, const Use& use) noexcept {
    Register<V> x[steps];
    unrolled<steps>([&](auto i) FORWARDPASS_UNROLLED { x[i] = V::load_broadcast(a.x + k + i * chains); });
    const Element<V>* const w = a.w + k * a.stride;
    const Index step = chains * a.stride;
    const auto vector = [&](Index j, const auto& load) FORWARDPASS_UNROLLED {
        Register<V> sum = opens ? V::broadcast(0) : V::load(chain + j);
        unrolled<steps>([&](auto i) FORWARDPASS_UNROLLED { sum = V::fma(x[i], load(w + i * step + j), sum); });
        use(j, sum);
    };
    Index j = 0;
    for (; j + V::lanes <= a.count; j += V::lanes)
        vector(j, [](const Element<V>* from) FORWARDPASS_UNROLLED { return V::load(from); });
    if (j < a.count)
        vector(j, [&](const Element<V>* from) FORWARDPASS_UNROLLED { return V::load_partial(from, a.count - j); });
}

// Computes the outputs of `a`, at most outputs_in_l1 of them.
template <class V>
void fortran_row(const FortranRows<Element<V>>& a, const Element<V>* bias, const Activation& activation,
                 Element<V>* y) noexcept {
    using T = Element<V>;
    constexpr Index most = outputs_in_l1<T> + V::lanes;
    T chain[most], sums[most], group[most], total[most];
    const Index chains = chain_count(a.depth), length = superblock_length(a.depth), count = superblock_count(a.depth);
    if (a.depth == 0)
        for (Index j = 0; j < a.count; ++j) sums[j] = 0;
    for (Index number = 0; number < count; ++number) {
        const Superblock s = superblock_of(a.depth, number);
        const Index end = s.steps > 0 ? chains : s.longer;
        for (Index c = 0; c < end; ++c) {
            const auto keep = [&](Index j, Register<V> value) FORWARDPASS_UNROLLED { V::store(chain + j, value); };
            const auto close = [&](Index j, Register<V> value) FORWARDPASS_UNROLLED {
                Sums<V, 1, 1> sum{{{value}}};
                if (c > 0) sum.add_to_stored(sums + j, 0);
                if (c + 1 == end) close_superblock<V>(number, count, sum, {group + j, total + j, 0});
                sum.store(sums + j, 0);
            };
            const Index steps = s.steps_of(c);
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
    for (Index j = 0; j < a.count; j += V::lanes) {
        const Index left = a.count - j;
        Sums<V, 1, 1> sum;
        sum.load(sums + j, 0);
        if (bias) {
            const auto value = left < V::lanes ? V::load_partial(bias + j, left) : V::load(bias + j);
            sum.at[0][0] = V::add(sum.at[0][0], value);
        }
        finish(sum, nullptr, activation, y + j, 0, left);
    }
    finish_late<V>(activation, y, 0, 1, a.count);
}

}  // namespace
}  // namespace forwardpass
