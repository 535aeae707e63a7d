// The plan of a network: its layers as steps, and the buffers that each of those reads and writes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <type_traits>
#include <variant>
#include <vector>

#include "kernels/contract.hpp"
#include "machine/aligned_buffer.hpp"
#include "network/feature_table.hpp"
#include "network/packed_weights.hpp"

namespace forwardpass {

// A function of whole rows, and its values, if it has any.
struct RowLayer {
    RowFunction function;
    std::shared_ptr<FeatureTable> features;
    double eps = 0;
};

// Where a residual connection keeps its input, and where it adds it.
enum class Residual { begin, end };

template <class T>
using Layer = std::variant<Activation, std::shared_ptr<PackedWeights<T>>, RowLayer, Residual>;

// Where a step reads or writes: the caller's x or y, or one of the workspace's buffers, which have the numbers from 0
// on.
enum class Buffer : int { x = -2, y = -1, workspace = 0 };

constexpr Buffer next(Buffer buffer) noexcept { return Buffer{static_cast<int>(buffer) + 1}; }

// The kinds of step. A linear one has what is fused to it.
template <class T>
struct LinearStep {
    std::shared_ptr<PackedWeights<T>> weights;
    PackedLinear<T> task;
};

struct AddStep {
    Buffer added;
};

// A layer as it runs. It overwrites its input only where `to` and `from` are the same.
template <class T>
struct Step {
    std::variant<LinearStep<T>, Activation, RowLayer, AddStep> kind;
    Buffer from, to;
};

template <class T>
struct StridedRows {
    const T* first;
    Index stride;
};

template <class T>
class Plan {
public:
    // The layers must chain: outputs of one, depth of the next. An activation that follows weights is fused to
    // them. Every Residual::begin has its end.
    explicit Plan(const std::vector<Layer<T>>& layers);

    // Calls use(kind, batch, scratch) for each step with where it reads and writes; the kind is a LinearStep<T>, an
    // Activation, a RowLayer, or StridedRows<T> to be added.
    template <class Use>
    void for_each_step(Batch<T> batch, T* workspace, const Use& use) const noexcept;

    // Elements from one row of a buffer to the next. Layers before all weights have the width of x, so it counts among
    // the widths too. A cache line is added, because rows a power of two apart would share cache sets.
    Index workspace_stride(Index width) const noexcept {
        return padded<T>(begins_with_weights_ ? widest_ : std::max(widest_, width)) + line_elements<T>;
    }
    // Elements of the workspace for `rows` rows: the buffers between layers, and the kernels' scratch.
    Index workspace_elements(Index rows, Index width) const {
        return checked_product(buffers_ * rows, workspace_stride(width)) + scratch_elements(rows);
    }
    Index scratch_elements(Index rows) const noexcept { return rows == 1 ? 0 : rows * scratch_per_row_; }

    // The work, in multiplications, for rows of `width` elements.
    Index work(Index rows, Index width) const noexcept { return rows * (work_per_row_ + work_per_element_ * width); }

    Index bytes_of_weights() const noexcept { return weights_ * static_cast<Index>(sizeof(T)); }
    Index outputs() const noexcept { return outputs_; }

private:
    void lay_out(const std::vector<Layer<T>>& layers);
    void count_work();

    std::vector<Step<T>> steps_;
    bool begins_with_weights_ = false;
    Index widest_ = 0;  // of the outputs of any layer with weights
    Index scratch_per_row_ = 0;
    Index outputs_ = 0;  // of the last layer with weights, or 0
    int buffers_ = 0;    // of the workspace
    Index weights_ = 0;  // elements of them all
    Index work_per_row_ = 0;
    Index work_per_element_ = 0;  // of x, before the first weights
};

// For one row, whose weights come from L2: fetches every fourth of the next weights' first 64 lines. The hardware
// fetches the lines between [log 20]. Inline, because GCC 12 drops a call of a function that only fetches.
template <class T>
FORWARDPASS_INLINE void fetch_beginning(const Step<T>& step) noexcept {
    const auto* const linear = std::get_if<LinearStep<T>>(&step.kind);
    if (linear == nullptr) return;
    for (Index line = 2; line < 64; line += 4) __builtin_prefetch(linear->task.panels + line * line_elements<T>);
}

template <class T>
template <class Use>
FORWARDPASS_INLINE void Plan<T>::for_each_step(Batch<T> batch, T* workspace, const Use& use) const noexcept {
    const Index stride = workspace_stride(batch.width), distance = batch.rows * stride;
    T* const scratch = workspace + buffers_ * distance;
    const T* const x = batch.x;
    T* const y = batch.y;
    const Index x_row_stride = batch.x_row_stride, y_row_stride = batch.y_row_stride;
    const bool from_memory = batch.from_memory;
    const auto in_workspace = [&](Buffer buffer) { return workspace + static_cast<int>(buffer) * distance; };
    const auto rows_of = [&](Buffer buffer) {
        return buffer == Buffer::x ? StridedRows<T>{x, x_row_stride} : StridedRows<T>{in_workspace(buffer), stride};
    };
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        const Step<T>& step = steps_[i];
        if (batch.rows == 1 && i + 1 < steps_.size()) fetch_beginning(steps_[i + 1]);
        const StridedRows<T> from = rows_of(step.from);
        batch.x = from.first;
        batch.x_row_stride = from.stride;
        batch.from_memory = from_memory && step.from == Buffer::x;
        const bool last = step.to == Buffer::y;
        batch.y = last ? y : in_workspace(step.to);
        batch.y_row_stride = last ? y_row_stride : stride;
        std::visit(
            [&](const auto& kind) {
                using Kind = std::decay_t<decltype(kind)>;
                if constexpr (std::is_same_v<Kind, AddStep>) use(rows_of(kind.added), batch, scratch);
                else use(kind, batch, scratch);
                if constexpr (std::is_same_v<Kind, LinearStep<T>>) batch.width = kind.task.outputs;
            },
            step.kind);
    }
}

extern template class Plan<float>;
extern template class Plan<double>;

}  // namespace forwardpass
