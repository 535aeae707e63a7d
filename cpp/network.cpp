#include "network.hpp"

#include <unistd.h>

#include <algorithm>

#include "float_environment.hpp"
#include "kernels/panel.hpp"

namespace forwardpass {
namespace {

// Rows of a tile, multiples of the register tile's 5 and 6. Weights that fit the cache are cheap to read
// again, so few rows, whose activations stay in L1 and L2; beyond it more rows share each read.
constexpr Index tile_bytes = 64 * 1024;
constexpr Index min_tile_rows = 30;
constexpr Index max_tile_rows = 180;

// Workspace up to this size lives on the stack: one row of layers up to 2048 wide allocates
// nothing, and a thread with 64 KiB of stack still works.
constexpr Index stack_bytes = 16 * 1024;

// Fewer rows than two register tiles for each thread are not cut: each would read all weights for itself.
constexpr Index rows_worth_cutting = 12;

// Of this machine's L2, or a common size where the system does not say.
Index l2_bytes() {
    static const Index bytes = [] {
#if defined(_SC_LEVEL2_CACHE_SIZE)
        if (const long found = sysconf(_SC_LEVEL2_CACHE_SIZE); found > 0) return static_cast<Index>(found);
#endif
        return Index{512} << 10;
    }();
    return bytes;
}

Index rows_per_tile(Index bytes_per_row, Index bytes_of_weights) {
    if (bytes_of_weights > l2_bytes()) return max_tile_rows;
    return std::clamp(tile_bytes / std::max<Index>(bytes_per_row, 1) / 30 * 30, min_tile_rows, max_tile_rows);
}

// Where the layers of one tile put what they hand on: on the stack of the thread that runs it, or
// in memory that the call allocated.
template <class T>
struct StackWorkspace {
    alignas(cache_line) T elements[stack_bytes / sizeof(T)];
    T* unless(T* heap) noexcept { return heap != nullptr ? heap : elements; }
};

constexpr Index ceiling(Index a, Index b) noexcept { return (a + b - 1) / b; }

template <class T>
Batch<T> rows_of(const Batch<T>& batch, Index first, Index rows) noexcept {
    return {batch.x + first * batch.x_row_stride, batch.x_row_stride,
            batch.y + first * batch.y_row_stride, batch.y_row_stride,
            std::min(rows, batch.rows - first),   batch.width};
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

// Calls run_layer(layer, batch) for each layer with where it reads and writes: from x through the two
// halves of the workspace, in turns, to y.
template <class T>
template <class RunLayer>
void Network<T>::for_each_layer(Batch<T> batch, T* workspace, RunLayer run_layer) const noexcept {
    const Index stride = workspace_stride(batch.width);
    T* const halves[2] = {workspace, workspace + batch.rows * stride};
    T* const y = batch.y;
    const Index y_row_stride = batch.y_row_stride;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const bool last = i + 1 == layers_.size();
        batch.y = last ? y : halves[i % 2];
        batch.y_row_stride = last ? y_row_stride : stride;
        run_layer(layers_[i], batch);
        batch.x = batch.y;
        batch.x_row_stride = batch.y_row_stride;
        if (layers_[i].weights) batch.width = layers_[i].weights->outputs();
    }
}

// One layer's outputs from panel `first_panel` on.
template <class T>
void Network<T>::run_layer(const Layer<T>& layer, const Batch<T>& batch, Index first_panel,
                           Index panels) const noexcept {
    if (layer.weights) {
        const PackedWeights<T>& weights = *layer.weights;
        const Index first = first_panel * panel_outputs<T>;
        const Index outputs = std::min(panels * panel_outputs<T>, weights.outputs() - first);
        kernels_->linear({weights.panels() + panel_offset<T>(weights.depth(), first_panel), weights.depth(), outputs,
                          layer.activation, batch.x, batch.x_row_stride, batch.y + first, batch.y_row_stride,
                          batch.rows});
    } else {
        for (Index r = 0; r < batch.rows; ++r)
            kernels_->activate(layer.activation, batch.x + r * batch.x_row_stride, batch.y + r * batch.y_row_stride,
                               batch.width);
    }
}

// Depth first: each tile of rows goes through all layers, on one thread, and meets no other.
template <class T>
bool Network<T>::share_rows(const Batch<T>& batch, const Sharing& sharing, Index tile, Looks& looks) const {
    const Index workspace = 2 * tile * workspace_stride(batch.width);
    AlignedBuffer<T> heap;
    if (layers_.size() > 1 && workspace * static_cast<Index>(sizeof(T)) > stack_bytes)
        heap = AlignedBuffer<T>(checked_product(workspace, sharing.threads));
    return run_chunks(
        ceiling(batch.rows, tile), sharing.threads, sharing.wakes,
        [&](Index chunk, int thread) noexcept {
            const StandardFloatEnvironment environment;
            StackWorkspace<T> stack;
            const Batch<T> rows = rows_of(batch, chunk * tile, tile);
            for_each_layer(rows, stack.unless(heap.data() ? heap.data() + thread * workspace : nullptr),
                           [&](const Layer<T>& layer, const Batch<T>& at) noexcept {
                               run_layer(layer, at, 0, layer.weights ? panel_count<T>(layer.weights->outputs()) : 0);
                           });
        },
        looks);
}

// Few rows: the panels of each layer are dealt out, so that the threads read different weights, and
// wait for each other before the next layer.
template <class T>
bool Network<T>::share_panels(const Batch<T>& batch, const Sharing& sharing, Index tile, Looks& looks) const {
    AlignedBuffer<T> heap;
    if (layers_.size() > 1) heap = AlignedBuffer<T>(checked_product(2 * tile, workspace_stride(batch.width)));
    bool completed = true;
    for (Index row = 0; row < batch.rows && completed; row += tile) {
        for_each_layer(rows_of(batch, row, tile), heap.data(), [&](const Layer<T>& layer, const Batch<T>& at) noexcept {
            const Index panels = layer.weights ? panel_count<T>(layer.weights->outputs()) : 1;
            const Index work_per_row = layer.weights ? layer.weights->outputs() * layer.weights->depth() : 0;
            const Sharing here(work_per_row, at.rows, sharing.threads);
            const Index each = ceiling(panels, here.chunks());
            completed = completed && run_chunks(
                                         ceiling(panels, each), here.threads, sharing.wakes,
                                         [&](Index chunk, int) noexcept {
                                             const StandardFloatEnvironment environment;
                                             run_layer(layer, at, chunk * each, std::min(each, panels - chunk * each));
                                         },
                                         looks);
        });
    }
    return completed;
}

template <class T>
bool Network<T>::run(const Batch<T>& batch, int threads, Interrupted interrupted) const {
    constexpr Index bytes_each = sizeof(T);
    Index tile =
        std::min(batch.rows, rows_per_tile(2 * workspace_stride(batch.width) * bytes_each, work_per_row_ * bytes_each));
    const Sharing sharing(work_per_row_, batch.rows, threads);
    if (sharing.threads > 1)
        tile = std::min(tile, std::max(min_tile_rows, ceiling(batch.rows, sharing.chunks() * 6) * 6));
    Looks looks(interrupted, tile * work_per_row_);
    const bool cached = work_per_row_ * bytes_each <= l2_bytes();
    if (sharing.threads > 1 && batch.rows < sharing.threads * (cached ? rows_worth_cutting : max_tile_rows))
        return share_panels(batch, sharing, std::min(batch.rows, max_tile_rows), looks);
    return share_rows(batch, sharing, tile, looks);
}

template class Network<float>;
template class Network<double>;

}  // namespace forwardpass
