// LayerNorm, right to the last place for every mean and deviation. Floats are summed in doubles, and doubles in pairs
// (pair_layer_norm.hpp). Both sum d = x - origin and d^2 in one pass, so the mean may be large beside the deviation. An
// origin far from the mean cancels digits: errors grow by (origin - mean)^2 / variance. The origin is the first
// element, which is within sqrt(n) deviations of the mean, mostly within 4. RMSNorm is the same with a mean of 0.
#pragma once

#include "kernels/functions/pair_layer_norm.hpp"

namespace forwardpass {
namespace {

// The mean is origin + shift. Double has room for the squares of every float.
struct Moments {
    double origin, shift, variance;
};

template <class W>
FORWARDPASS_INLINE Moments moments_from(double origin, const float* x, Index count) noexcept {
    const auto sums = sum_over<W, 2>(x, count, origin, [origin](auto values, auto) FORWARDPASS_UNROLLED {
        constexpr int k = values.count;
        RowSums<W, float, 2, k> terms;
        unrolled<k>([&](auto v) FORWARDPASS_UNROLLED {
            const auto d = values.of[v] - W::broadcast(origin);
            terms.of[0].of[v] = d, terms.of[1].of[v] = d * d;
        });
        return terms;
    });
    const double n = static_cast<double>(count), shift = sums.of[0] / n;
    return {origin, shift, sums.of[1] / n - shift * shift};
}

template <class W>
FORWARDPASS_INLINE Moments moments_from_zero(const float* x, Index count) noexcept {
    const auto sums = sum_over<W, 1>(x, count, 0, [](auto values, auto) FORWARDPASS_UNROLLED {
        constexpr int k = values.count;
        RowSums<W, float, 1, k> terms;
        unrolled<k>([&](auto v) FORWARDPASS_UNROLLED { terms.of[0].of[v] = values.of[v] * values.of[v]; });
        return terms;
    });
    return {0, 0, sums.of[0] / static_cast<double>(count)};
}

template <class W, Centred centred>
FORWARDPASS_INLINE Moments moments(const float* x, Index count) noexcept {
    if constexpr (centred == Centred::no) return moments_from_zero<W>(x, count);
    const Moments m = moments_from<W>(x[0], x, count);
    return m.shift * m.shift > 64 * m.variance ? moments_from<W>(m.origin + m.shift, x, count) : m;
}

// ((x - mean) root) weight + bias.
template <class W, Centred centred>
void layer_norm(const RowTask& task, const Row<float>& row) noexcept {
    using S = Scalar<double>;
    const Moments m = moments<W, centred>(row.x, row.count);
    const double root = 1 / S::sqrt(m.variance + task.eps);
    const auto origin = W::broadcast(m.origin), scale = W::broadcast(root), moved = W::broadcast(-m.shift * root);
    const double *const weight = values_of(task, rounded_scale_row), *const bias = values_of(task, offset_row);
    each_column<W>(row, [&](auto x, auto place) FORWARDPASS_UNROLLED {
        return W::fma(W::fma(x - origin, scale, moved), W::load(weight + place.at), W::load(bias + place.at));
    });
}

}  // namespace
}  // namespace forwardpass
