#include "network.hpp"

#include <algorithm>

#include "float_environment.hpp"

namespace forwardpass {
namespace {

// Rows of a tile, multiples of the register tile's 5 and 6. Weights that fit the cache are cheap to read
// again, so few rows, whose activations stay in L1 and L2; beyond it more rows share each read.
constexpr Index tile_bytes = 64 * 1024;
constexpr Index min_tile_rows = 30;
constexpr Index max_tile_rows = 180;
constexpr Index cached_weights = Index{8} << 20;

// Workspace up to this size lives on the stack: one row of layers up to 2048 wide allocates
// nothing, and a thread with 64 KiB of stack still works.
constexpr Index stack_bytes = 16 * 1024;

Index rows_per_tile(Index bytes_per_row, Index bytes_of_weights) {
    if (bytes_of_weights > cached_weights) return max_tile_rows;
    return std::clamp(tile_bytes / std::max<Index>(bytes_per_row, 1) / 30 * 30, min_tile_rows, max_tile_rows);
}

}  // namespace

template <class T>
Network<T>::Network(const Kernels<T>& kernels, const std::vector<Layer<T>>& layers) : kernels_(&kernels) {
    for (const Layer<T>& layer : layers) {
        const bool fuses = !layer.weights && !layers_.empty() && layers_.back().weights &&
                           layers_.back().activation == Activation::identity;
        if (fuses) layers_.back().activation = layer.activation;
        else layers_.push_back(layer);
        if (layer.weights) {
            widest_ = std::max({widest_, layer.weights->outputs(), layer.weights->depth()});
            work_per_row_ += layer.weights->outputs() * layer.weights->depth();
        }
    }
}

// A cache line more than the widest layer: rows a power of two apart would share cache sets.
template <class T>
Index Network<T>::workspace_stride(Index width) const noexcept {
    return padded<T>(std::max(widest_, width)) + panel_alignment<T>;
}

template <class T>
void Network<T>::run_tile(const T* x, Index x_row_stride, T* y, Index y_row_stride, Index rows, Index width,
                          T* workspace) const noexcept {
    const Index stride = workspace_stride(width);
    T* const halves[2] = {workspace, workspace + rows * stride};
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const Layer<T>& layer = layers_[i];
        const bool last = i + 1 == layers_.size();
        T* const to = last ? y : halves[i % 2];
        const Index to_stride = last ? y_row_stride : stride;
        if (layer.weights) {
            const PackedWeights<T>& weights = *layer.weights;
            kernels_->linear({weights.panels(), weights.depth(), weights.outputs(), layer.activation, x, x_row_stride,
                              to, to_stride, rows});
            width = weights.outputs();
        } else {
            for (Index r = 0; r < rows; ++r)
                kernels_->activate(layer.activation, x + r * x_row_stride, to + r * to_stride, width);
        }
        x = to;
        x_row_stride = to_stride;
    }
}

template <class T>
bool Network<T>::run(const T* x, Index x_row_stride, T* y, Index y_row_stride, Index rows, Index width,
                     Interrupted interrupted) const {
    const StandardFloatEnvironment environment;
    constexpr Index bytes_each = sizeof(T);
    const Index stride = workspace_stride(width);
    const Index tile = std::min(rows, rows_per_tile(2 * stride * bytes_each, work_per_row_ * bytes_each));

    alignas(cache_line) T on_stack[stack_bytes / sizeof(T)];
    AlignedBuffer<T> on_heap;
    T* workspace = on_stack;
    if (layers_.size() > 1 && 2 * tile * stride * bytes_each > stack_bytes) {
        on_heap = AlignedBuffer<T>(checked_product(2 * tile, stride));
        workspace = on_heap.data();
    }

    Index work = 0;
    for (Index row = 0; row < rows; row += tile) {
        const Index here = std::min(tile, rows - row);
        run_tile(x + row * x_row_stride, x_row_stride, y + row * y_row_stride, y_row_stride, here, width, workspace);
        work += here * work_per_row_;
        if (work >= work_between_looks) {
            if (interrupted()) return false;
            work = 0;
        }
    }
    return true;
}

template class Network<float>;
template class Network<double>;

}  // namespace forwardpass
