// The plan: a chain of layers, run depth first over tiles of rows.
#pragma once

#include <memory>
#include <vector>

#include "kernels/contract.hpp"
#include "packed_weights.hpp"

namespace forwardpass {

// One layer as it runs: weights and the activation fused to them, or an activation alone.
template <class T>
struct Layer {
    std::shared_ptr<PackedWeights<T>> weights;  // null: the activation alone
    Activation activation = Activation::identity;
};

// Asked now and then during a long run; true ends it.
using Interrupted = bool (*)();

// Multiplications between two looks at Interrupted: about 50 ms at 20 GFMA/s.
constexpr Index work_between_looks = Index{1} << 30;

template <class T>
class Network {
public:
    // The layers must chain: outputs of one, depth of the next. An activation that follows weights
    // is fused to them.
    Network(const Kernels<T>& kernels, const std::vector<Layer<T>>& layers);

    // y = network(x) for x (rows, in_features) and y (rows, out_features), which do not overlap.
    // Returns false when interrupted, with part of y written. Safe to call from many threads.
    // `width` is the width of x where no layer has weights, else it is ignored.
    // Throws std::bad_alloc.
    bool run(const T* x, Index x_row_stride, T* y, Index y_row_stride, Index rows, Index width,
             Interrupted interrupted) const;

    // Multiplications for each row.
    Index work_per_row() const noexcept { return work_per_row_; }

private:
    void run_tile(const T* x, Index x_row_stride, T* y, Index y_row_stride, Index rows, Index width,
                  T* workspace) const noexcept;
    Index workspace_stride(Index width) const noexcept;

    const Kernels<T>* kernels_;
    std::vector<Layer<T>> layers_;
    Index widest_ = 0;  // of the outputs of any layer
    Index work_per_row_ = 0;
};

extern template class Network<float>;
extern template class Network<double>;

}  // namespace forwardpass
