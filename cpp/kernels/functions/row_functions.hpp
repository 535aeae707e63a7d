// The functions of rows: those with numbers for each column stand here, and the others are included.
#pragma once

#include "kernels/functions/layer_norm.hpp"
#include "kernels/functions/softmax.hpp"

namespace forwardpass {
namespace {

struct Limits {
    const double *lowest, *highest;

    explicit Limits(const RowTask& task) noexcept
        : lowest(values_of(task, lowest_row)), highest(values_of(task, highest_row)) {}
    template <class W>
    FORWARDPASS_INLINE Register<W> limited(Index i, Register<W> y) const noexcept {
        return smaller<W>(W::load(highest + i), W::max(W::load(lowest + i), y));
    }
};

template <class W>
void columns(const RowTask& task, const Row<float>& row) noexcept {
    const Limits limits(task);
    const double *const center = values_of(task, center_row), *const scale = values_of(task, rounded_scale_row),
                        *const offset = values_of(task, offset_row);
    each_column<W>(row, [&](auto x, auto place) FORWARDPASS_UNROLLED {
        const Index i = place.at;
        const auto y = W::fma(x - W::load(center + i), W::load(scale + i), W::load(offset + i));
        return limits.template limited<W>(i, y);
    });
}

// x - center. Where the high part is nearly 0, the low part may be as large as u center, u being the unit roundoff.
// product() then drops u^2 center times the scale, which the bound counts in any case.
template <class W>
FORWARDPASS_INLINE Pair<W> difference(Register<W> x, const Pair<W>& center) noexcept {
    const Pair<W> high = two_sum<W>(x, -center.high);
    return {high.high, high.low - center.low};
}

template <class W, bool with_powers>
void pair_columns(const RowTask& task, const Row<double>& row) noexcept {
    const Limits limits(task);
    const PairValues centers(task, center_row), scales(task, scale_row), offsets(task, offset_row);
    const double* const power = values_of(task, power_row);
    each_column<W>(row, [&](auto x, auto place) FORWARDPASS_UNROLLED {
        const Index i = place.at;
        const Pair<W> more = offsets.template at<W>(i), d = difference<W>(x, centers.template at<W>(i));
        const Pair<W> scaled = Powers<W, with_powers>(power + i).times(d, scales.template at<W>(i));
        const Pair<W> y = sum<W>(scaled, more);
        return limits.template limited<W>(i, finite_or<W>(y.high + y.low, scaled.high + more.high));
    });
}

template <class W>
void columns(const RowTask& task, const Row<double>& row) noexcept {
    return task.powers ? pair_columns<W, true>(task, row) : pair_columns<W, false>(task, row);
}

template <class W, class T>
void prelu(const RowTask& task, const Row<T>& row) noexcept {
    const double* const slopes = values_of(task, rounded_scale_row);
    const auto each = [&](const auto& slope_at) FORWARDPASS_UNROLLED {
        each_column<W>(row, [&](auto x, auto place) FORWARDPASS_UNROLLED {
            return W::select_at_least(x, W::broadcast(0), x, x * slope_at(place.at));
        });
    };
    if (task.one_feature) each([slope = W::broadcast(*slopes)](Index) FORWARDPASS_UNROLLED { return slope; });
    else each([slopes](Index i) FORWARDPASS_UNROLLED { return W::load(slopes + i); });
}

template <class V>
void rows(const RowTask& task, const Batch<Element<V>>& batch) noexcept {
    using T = Element<V>;
    using W = typename V::Wide;
    if (batch.width == 0) return;
    const auto each = [&](const auto& function) FORWARDPASS_UNROLLED {
        for (Index r = 0; r < batch.rows; ++r)
            function(Row<T>{batch.x + r * batch.x_row_stride, batch.y + r * batch.y_row_stride, batch.width});
    };
    switch (task.function) {
        case RowFunction::affine: return each([&](const Row<T>& row) { columns<W>(task, row); });
        case RowFunction::layer_norm: return each([&](const Row<T>& row) { layer_norm<W, Centred::yes>(task, row); });
        case RowFunction::rms_norm: return each([&](const Row<T>& row) { layer_norm<W, Centred::no>(task, row); });
        case RowFunction::prelu: return each([&](const Row<T>& row) { prelu<W>(task, row); });
        case RowFunction::softmax: return each([](const Row<T>& row) { softmax<V>(row); });
        case RowFunction::log_softmax: return log_softmax<V>(batch);
    }
}

}  // namespace
}  // namespace forwardpass
