// The plan of a network: its layers as steps, and the buffers that each of those reads and writes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <variant>
#include <vector>

#include "kernels/contract.hpp"
#include "kernels/unrolled.hpp"
#include "machine/aligned_buffer.hpp"
#include "network/feature_table.hpp"
#include "network/packed_weights.hpp"

namespace forwardpass {

// A function of whole rows, and its values, if it has any.
struct RowLayer {
    RowFunction function;
    std::shared_ptr<Columns> columns;
    double eps = 0;
};

// Where what a residual connection adds is kept, and where it is added.
enum class Residual { begin, end };

template <class T>
using Layer = std::variant<Activation, std::shared_ptr<PackedWeights<T>>, RowLayer, Residual>;

// Layers as they run: one with what is fused to it, and the buffers that it reads and writes: x, y, or one of the
// workspace. What is read is written again only where `to` and `from` are the same.
template <class T>
struct Step {
    enum class Kind { linear, activation, row, add };
    static constexpr int x = 0, y = 1, workspace = 2;

    Kind kind;
    PackedLinear<T> linear{};  // of an activation alone, that alone
    std::shared_ptr<PackedWeights<T>> weights{};
    RowLayer row{};
    int from = 0, to = 0, added = 0;
};

// What a residual connection adds, row by row.
template <class T>
struct Added {
    const T* rows;
    Index row_stride;
};

template <class T>
class Plan {
public:
    // The layers must chain: outputs of one, depth of the next. An activation that follows weights is fused to
    // them. Every Residual::begin has its end.
    explicit Plan(const std::vector<Layer<T>>& layers);

    // Calls use(step, batch, added, scratch) for each step with where it reads and writes.
    template <class Use>
    void for_each_step(Batch<T> batch, T* workspace, const Use& use) const noexcept;

    // Elements from one row of a buffer to the next: a cache line more than the widest outputs, which may be those of
    // what comes before all weights. Rows a power of two apart would share cache sets.
    Index workspace_stride(Index width) const noexcept {
        return padded<T>(steps_.front().weights ? widest_ : std::max(widest_, width)) + line_elements<T>;
    }
    // Of workspace for `rows` rows: the buffers between layers, and the kernels' scratch.
    Index workspace_elements(Index rows, Index width) const {
        return checked_product(buffers_ * rows, workspace_stride(width)) + scratch_elements(rows);
    }
    Index scratch_elements(Index rows) const noexcept { return rows == 1 ? 0 : rows * scratch_per_row_; }

    // In multiplications, for rows of `width` elements.
    Index work(Index rows, Index width) const noexcept { return rows * (work_per_row_ + work_per_element_ * width); }

    Index bytes_of_weights() const noexcept { return weights_ * static_cast<Index>(sizeof(T)); }
    Index outputs() const noexcept { return outputs_; }

private:
    void lay_out(const std::vector<Layer<T>>& layers);
    void count_work();

    std::vector<Step<T>> steps_;
    Index widest_ = 0;  // of the outputs of any layer with weights
    Index scratch_per_row_ = 0;
    Index outputs_ = 0;  // of the last layer with weights, or 0
    int buffers_ = 0;    // of the workspace
    Index weights_ = 0;  // elements of them all
    Index work_per_row_ = 0;
    Index work_per_element_ = 0;  // of x, before the first weights
};

// Every fourth of the next weights' first 64 lines, for one row, whose weights come from L2: the hardware fetches what
// lies between [log 20]. Inline, as GCC 12 takes a function that only fetches for one without effect.
template <class T>
FORWARDPASS_INLINE void fetch_beginning(const Step<T>& step) noexcept {
    if (step.kind != Step<T>::Kind::linear) return;
    for (Index line = 2; line < 64; line += 4) __builtin_prefetch(step.linear.panels + line * line_elements<T>);
}

template <class T>
template <class Use>
FORWARDPASS_INLINE void Plan<T>::for_each_step(Batch<T> batch, T* workspace, const Use& use) const noexcept {
    const Index stride = workspace_stride(batch.width), distance = batch.rows * stride;
    T* const scratch = workspace + buffers_ * distance;
    const T* const x = batch.x;
    T* const y = batch.y;
    const Index x_row_stride = batch.x_row_stride, y_row_stride = batch.y_row_stride;
    const bool cold = batch.cold;
    const auto buffer = [&](int number) { return workspace + (number - Step<T>::workspace) * distance; };
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        const Step<T>& step = steps_[i];
        if (batch.rows == 1 && i + 1 < steps_.size()) fetch_beginning(steps_[i + 1]);
        const bool reads_x = step.from == Step<T>::x, last = step.to == Step<T>::y;
        batch.x = reads_x ? x : buffer(step.from);
        batch.x_row_stride = reads_x ? x_row_stride : stride;
        batch.cold = reads_x && cold;
        batch.y = last ? y : buffer(step.to);
        batch.y_row_stride = last ? y_row_stride : stride;
        const bool adds_x = step.added == Step<T>::x;
        use(step, batch, Added<T>{adds_x ? x : buffer(step.added), adds_x ? x_row_stride : stride}, scratch);
        if (step.weights) batch.width = step.linear.outputs;
    }
}

extern template class Plan<float>;
extern template class Plan<double>;

}  // namespace forwardpass
