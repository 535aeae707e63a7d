#include "network/plan.hpp"

#include <algorithm>

#include "machine/cpu.hpp"

namespace forwardpass {
namespace {

template <class T>
Step<T> step_of(const std::shared_ptr<PackedWeights<T>>& weights) {
    Step<T> step{Step<T>::Kind::linear};
    step.linear.panels = weights->panels();
    step.linear.depth = weights->depth();
    step.linear.outputs = weights->outputs();
    step.linear.cold = weights->bytes() > tuning().cached_bytes;
    step.linear.fetch_distance = tuning().row_fetch_bytes / static_cast<Index>(sizeof(T));
    step.weights = weights;
    return step;
}

// Few outputs cost as much as so many: reading x takes the time [log 21].
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

// Which buffer each step reads and writes. Only weights need another one than they read; what a residual connection
// will add is left alone meanwhile.
template <class T>
void Plan<T>::lay_out(const std::vector<Layer<T>>& layers) {
    using Kind = typename Step<T>::Kind;
    int current = Step<T>::x;
    std::vector<int> kept;
    const auto is_kept = [&](int buffer) { return std::find(kept.begin(), kept.end(), buffer) != kept.end(); };
    const auto append = [&](Step<T> step) {
        int to = current;
        if (step.kind == Kind::linear || current == Step<T>::x || is_kept(current))
            for (to = Step<T>::workspace; to == current || is_kept(to);) ++to;
        step.from = current;
        step.to = current = to;
        steps_.push_back(std::move(step));
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
                steps_.back().linear.activation = *activation;
                fuses = activation->function == Function::identity;
                continue;
            }
            Step<T> step{Kind::activation};
            step.linear.activation = *activation;
            append(std::move(step));
        } else if (const auto* const row = std::get_if<RowLayer>(&layer)) {
            Step<T> step{Kind::row};
            step.row = *row;
            append(std::move(step));
        } else if (std::get<Residual>(layer) == Residual::begin) {
            kept.push_back(current);
        } else {
            Step<T> step{Kind::add};
            step.added = kept.back();
            kept.pop_back();
            append(std::move(step));
        }
    }
    steps_.back().to = Step<T>::y;
    for (const Step<T>& step : steps_) buffers_ = std::max(buffers_, step.to + 1 - Step<T>::workspace);
}

template <class T>
void Plan<T>::count_work() {
    for (const Step<T>& step : steps_) {
        const PackedLinear<T>& linear = step.linear;
        if (step.weights) {
            outputs_ = linear.outputs;
            widest_ = std::max(widest_, outputs_);
            scratch_per_row_ =
                std::max(scratch_per_row_, step.weights->kernels().scratch_per_row(linear.depth, linear.cold));
            weights_ += outputs_ * linear.depth;
            work_per_row_ += std::max(outputs_, outputs_for_reading) * linear.depth;
        }
        const bool computes = step.kind == Step<T>::Kind::row || linear.activation.function > Function::relu;
        const Index each = computes ? work_of_element : step.weights ? 0 : 1;  // ReLU and sums read memory, at least
        (outputs_ > 0 ? work_per_row_ : work_per_element_) += each * std::max<Index>(outputs_, 1);
    }
}

template class Plan<float>;
template class Plan<double>;

}  // namespace forwardpass
