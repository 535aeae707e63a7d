// The plan: a chain of layers, run depth first over tiles of rows.
#pragma once

#include <memory>
#include <vector>

#include "kernels/contract.hpp"
#include "packed_weights.hpp"
#include "sharing.hpp"

namespace forwardpass {

// One layer as it runs: weights and the activation fused to them, or an activation alone.
template <class T>
struct Layer {
    std::shared_ptr<PackedWeights<T>> weights;  // null: the activation alone
    Activation activation = Activation::identity;
};

// The same, ready: all that a call of its kernel needs but where to read and write.
template <class T>
struct Step {
    PackedLinear<T> linear;
    Index panels;
    std::shared_ptr<PackedWeights<T>> weights;  // null: the activation alone
};

// Rows to run and where their results go; the two do not overlap.
template <class T>
struct Batch {
    const T* x;  // (rows, width), elements of a row adjacent
    Index x_row_stride;
    T* y;
    Index y_row_stride;
    Index rows;
    Index width;
};

template <class T>
class Network {
public:
    // The layers must chain: outputs of one, depth of the next. An activation that follows weights
    // is fused to them.
    Network(const Kernels<T>& kernels, const std::vector<Layer<T>>& layers);

    // y = network(x), on up to `threads` threads; 0 for as many as thread_count() says. Returns false
    // when interrupted, with part of y written. Safe to call from many threads. Throws std::bad_alloc and
    // std::length_error.
    bool run(const Batch<T>& batch, int threads, Interrupted interrupted) const;

    // Multiplications for each row.
    Index work_per_row() const noexcept { return work_per_row_; }

private:
    template <class RunStep>
    void for_each_step(Batch<T> batch, T* workspace, RunStep run_step) const noexcept;
    void run_panels(const Step<T>& step, const Batch<T>& batch, T* scratch, Index first, Index count) const noexcept;
    bool share_rows(const Batch<T>& batch, const Sharing& sharing, Index tile, Looks& looks) const;
    bool share_panels(const Batch<T>& batch, const Sharing& sharing, Index tile, Looks& looks) const;
    Index workspace_stride(Index width) const noexcept;
    Index workspace_elements(Index rows, Index width) const;

    const Kernels<T>* kernels_;
    std::vector<Step<T>> steps_;
    Index widest_ = 0;   // of the outputs of any layer
    Index deepest_ = 0;  // of the depths
    Index work_per_row_ = 0;
};

extern template class Network<float>;
extern template class Network<double>;

}  // namespace forwardpass
