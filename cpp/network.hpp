// The plan: a chain of layers, run depth first over tiles of rows.
#pragma once

#include <memory>
#include <variant>
#include <vector>

#include "columns.hpp"
#include "kernels/contract.hpp"
#include "packed_weights.hpp"
#include "sharing.hpp"

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
class Network {
public:
    // The layers must chain: outputs of one, depth of the next. An activation that follows weights is fused to
    // them. Every Residual::begin has its end.
    Network(const Kernels<T>& kernels, const std::vector<Layer<T>>& layers);

    // y = network(x), on up to `threads` threads; 0 for as many as thread_count() says. Returns false
    // when interrupted, with part of y written. Safe to call from many threads. Throws std::bad_alloc and
    // std::length_error.
    bool run(const Batch<T>& batch, int threads, Interrupted interrupted) const;

    // In multiplications, for rows of `width` elements.
    Index work(Index rows, Index width) const noexcept { return rows * (work_per_row_ + work_per_element_ * width); }

private:
    void plan(const std::vector<Layer<T>>& layers);
    void count_work();
    template <class Use>
    void for_each_step(Batch<T> batch, T* workspace, const Use& use) const noexcept;
    void run_step(const Step<T>& step, const Batch<T>& batch, const Added<T>& added, T* scratch) const noexcept;
    void run_rows(const Step<T>& step, const Batch<T>& batch, const Added<T>& added) const noexcept;
    bool share_rows(const Batch<T>& batch, const Sharing& sharing, Index tile, Looks& looks) const;
    bool share_panels(const Batch<T>& batch, const Sharing& sharing, Index tile, Looks& looks) const;
    Index workspace_stride(Index width) const noexcept;
    Index workspace_elements(Index rows, Index width) const;

    const Kernels<T>* kernels_;
    std::vector<Step<T>> steps_;
    Index widest_ = 0;   // of the outputs of any layer with weights
    Index deepest_ = 0;  // of the depths
    Index outputs_ = 0;  // of the last layer with weights, or 0
    int buffers_ = 0;    // of the workspace
    Index weights_ = 0;  // elements of them all
    Index work_per_row_ = 0;
    Index work_per_element_ = 0;  // of x, before the first weights
};

extern template class Network<float>;
extern template class Network<double>;

}  // namespace forwardpass
