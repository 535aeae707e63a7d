#include "network/plan.hpp"

#include <algorithm>
#include <utility>

#include "machine/cpu.hpp"

namespace forwardpass {
namespace {

template <class T>
LinearStep<T> step_of(const std::shared_ptr<PackedWeights<T>>& weights) {
    return {weights,
            {weights->panels(), weights->depth(), weights->outputs(), Activation{}, !fits(Cache::any, weights->bytes()),
             tuning().row_fetch_bytes / static_cast<Index>(sizeof(T))}};
}

// The function that a step applies to each element, after its weights if it has any.
template <class T>
Function function_of(const Step<T>& step) {
    if (const auto* const linear = std::get_if<LinearStep<T>>(&step.kind)) return linear->task.activation.function;
    const auto* const activation = std::get_if<Activation>(&step.kind);
    return activation != nullptr ? activation->function : Function::identity;
}

// Fewer outputs cost as much as four, because reading x takes the time [log 21].
constexpr Index outputs_for_reading = 4;

// An activation of one element costs as much as so many multiplications: about a cycle of AVX-512, which multiplies 32
// floats in one [log 19].
constexpr Index work_of_element = 30;

}  // namespace

template <class T>
Plan<T>::Plan(const std::vector<Layer<T>>& layers) {
    lay_out(layers);
    count_work();
}

// Chooses the buffer that each step reads and the one that it writes. Only weights need two different ones. A buffer
// that a residual connection adds later is not overwritten before.
template <class T>
void Plan<T>::lay_out(const std::vector<Layer<T>>& layers) {
    Buffer current = Buffer::x;
    std::vector<Buffer> kept;
    const auto is_kept = [&](Buffer buffer) { return std::find(kept.begin(), kept.end(), buffer) != kept.end(); };
    const auto append = [&](auto kind) {
        Buffer to = current;
        if (std::is_same_v<decltype(kind), LinearStep<T>> || current == Buffer::x || is_kept(current))
            for (to = Buffer::workspace; to == current || is_kept(to);) to = next(to);
        steps_.push_back({std::move(kind), current, to});
        current = to;
    };
    bool fuses = false;
    for (const Layer<T>& layer : layers) {
        const bool fused = fuses;
        fuses = false;
        if (const auto* const weights = std::get_if<std::shared_ptr<PackedWeights<T>>>(&layer)) {
            append(step_of(*weights));
            fuses = true;
        } else if (const auto* const activation = std::get_if<Activation>(&layer)) {
            if (fused) {
                std::get<LinearStep<T>>(steps_.back().kind).task.activation = *activation;
                fuses = activation->function == Function::identity;
                continue;
            }
            append(*activation);
        } else if (const auto* const row = std::get_if<RowLayer>(&layer)) {
            append(*row);
        } else if (std::get<Residual>(layer) == Residual::begin) {
            kept.push_back(current);
        } else {
            const Buffer added = kept.back();
            kept.pop_back();
            append(AddStep{added});
        }
    }
    steps_.back().to = Buffer::y;
    for (const Step<T>& step : steps_) buffers_ = std::max(buffers_, static_cast<int>(next(step.to)));
    begins_with_weights_ = std::holds_alternative<LinearStep<T>>(steps_.front().kind);
}

template <class T>
void Plan<T>::count_work() {
    for (const Step<T>& step : steps_) {
        const auto* const linear = std::get_if<LinearStep<T>>(&step.kind);
        if (linear != nullptr) {
            const PackedLinear<T>& task = linear->task;
            outputs_ = task.outputs;
            widest_ = std::max(widest_, outputs_);
            scratch_per_row_ =
                std::max(scratch_per_row_, linear->weights->kernels().scratch_per_row(task.depth, task.from_memory));
            weights_ += outputs_ * task.depth;
            work_per_row_ += std::max(outputs_, outputs_for_reading) * task.depth;
        }
        const bool computes = std::holds_alternative<RowLayer>(step.kind) || function_of(step) > Function::relu;
        const Index least = linear != nullptr ? 0 : 1;  // ReLU and sums cost the time of reading memory
        const Index each = computes ? work_of_element : least;
        (outputs_ > 0 ? work_per_row_ : work_per_element_) += each * std::max<Index>(outputs_, 1);
    }
}

template class Plan<float>;
template class Plan<double>;

}  // namespace forwardpass
