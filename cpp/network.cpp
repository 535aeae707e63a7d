#include "network.hpp"

#include <unistd.h>

#include <algorithm>

#include "float_environment.hpp"
#include "kernels/slices.hpp"
#include "workspace.hpp"

namespace forwardpass {
namespace {

// Rows of a tile, multiples of the register tile's 3, 6 and 12. Weights that fit the cache are cheap to read
// again, so few rows, whose activations stay in L1 and L2; beyond it more rows share each read.
constexpr Index tile_bytes = 64 * 1024;
constexpr Index min_tile_rows = 36;
constexpr Index max_tile_rows = 180;

// Weights of a layer up to this size come from a cache: 4 MB lose by being fetched as from memory, 16 MB gain.
constexpr Index cached_bytes = Index{8} << 20;

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
    return std::clamp(tile_bytes / std::max<Index>(bytes_per_row, 1) / 12 * 12, min_tile_rows, max_tile_rows);
}

template <class T>
Index panels_of(const Layer<T>& layer) noexcept {
    return layer.weights ? panel_count<T>(layer.weights->outputs()) : 0;
}

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
            deepest_ = std::max(deepest_, layer.weights->depth());
            work_per_row_ += layer.weights->outputs() * layer.weights->depth();
        }
    }
}

// A cache line more than the widest layer: rows a power of two apart would share cache sets.
template <class T>
Index Network<T>::workspace_stride(Index width) const noexcept {
    return padded<T>(std::max(widest_, width)) + panel_alignment<T>;
}

// Elements of workspace for `rows` rows: two halves of activations, where there is more than one layer, and the
// kernels' scratch.
template <class T>
Index Network<T>::workspace_elements(Index rows, Index width) const {
    const Index halves = layers_.size() > 1 ? checked_product(2 * rows, workspace_stride(width)) : 0;
    return halves + scratch_elements<T>(deepest_, rows);
}

// Calls run_layer(layer, batch, scratch) for each layer with where it reads and writes: from x through the two
// halves of the workspace, in turns, to y.
template <class T>
template <class RunLayer>
void Network<T>::for_each_layer(Batch<T> batch, T* workspace, RunLayer run_layer) const noexcept {
    const Index stride = workspace_stride(batch.width);
    T* const halves[2] = {workspace, workspace + batch.rows * stride};
    T* const scratch = layers_.size() > 1 ? halves[1] + batch.rows * stride : workspace;
    T* const y = batch.y;
    const Index y_row_stride = batch.y_row_stride;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
        const bool last = i + 1 == layers_.size();
        batch.y = last ? y : halves[i % 2];
        batch.y_row_stride = last ? y_row_stride : stride;
        run_layer(layers_[i], batch, scratch);
        batch.x = batch.y;
        batch.x_row_stride = batch.y_row_stride;
        if (layers_[i].weights) batch.width = layers_[i].weights->outputs();
    }
}

// One layer's outputs from panel `first_panel` on.
template <class T>
void Network<T>::run_layer(const Layer<T>& layer, const Batch<T>& batch, T* scratch, Index first_panel,
                           Index panels) const noexcept {
    if (layer.weights) {
        const PackedWeights<T>& weights = *layer.weights;
        const Index first = first_panel * panel_outputs<T>;
        const Index outputs = std::min(panels * panel_outputs<T>, weights.outputs() - first);
        const bool cold = weights.bytes() > cached_bytes;
        kernels_->linear({weights.panels() + panel_offset<T>(weights.depth(), first_panel), weights.depth(), outputs,
                          layer.activation, batch.x, batch.x_row_stride, batch.y + first, batch.y_row_stride,
                          batch.rows, cold, scratch});
    } else {
        for (Index r = 0; r < batch.rows; ++r)
            kernels_->activate(layer.activation, batch.x + r * batch.x_row_stride, batch.y + r * batch.y_row_stride,
                               batch.width);
    }
}

// Depth first: each tile of rows goes through all layers, on one thread, and meets no other.
template <class T>
bool Network<T>::share_rows(const Batch<T>& batch, const Sharing& sharing, Index tile, Looks& looks) const {
    const Index elements = workspace_elements(tile, batch.width);
    const auto run_tile = [&](Index chunk, T* workspace) noexcept {
        const StandardFloatEnvironment environment;
        for_each_layer(rows_of(batch, chunk * tile, tile), workspace,
                       [&](const Layer<T>& layer, const Batch<T>& at, T* scratch) noexcept {
                           run_layer(layer, at, scratch, 0, panels_of(layer));
                       });
    };
    const Index chunks = ceiling(batch.rows, tile);
    if (elements * static_cast<Index>(sizeof(T)) <= stack_bytes) {
        return run_chunks(
            chunks, sharing.threads, sharing.wakes,
            [&](Index chunk, int) noexcept {
                alignas(cache_line) T workspace[stack_bytes / sizeof(T)];
                run_tile(chunk, workspace);
            },
            looks);
    }
    const Index distance = padded<T>(elements);
    Workspace<T> workspace(checked_product(distance, sharing.threads));
    return run_chunks(
        chunks, sharing.threads, sharing.wakes,
        [&](Index chunk, int thread) noexcept { run_tile(chunk, workspace.data() + thread * distance); }, looks);
}

// Few rows: the panels of each layer are dealt out, so that the threads read different weights, and
// wait for each other before the next layer.
template <class T>
bool Network<T>::share_panels(const Batch<T>& batch, const Sharing& sharing, Index tile, Looks& looks) const {
    // Behind the workspace, scratch for each thread but the first.
    const Index elements = padded<T>(workspace_elements(tile, batch.width));
    const Index scratch_each = padded<T>(scratch_elements<T>(deepest_, tile));
    Workspace<T> workspace(elements + checked_product(scratch_each, sharing.threads - 1));
    bool completed = true;
    for (Index row = 0; row < batch.rows && completed; row += tile) {
        for_each_layer(rows_of(batch, row, tile), workspace.data(),
                       [&](const Layer<T>& layer, const Batch<T>& at, T* scratch) noexcept {
            const Index panels = layer.weights ? panels_of(layer) : 1;
            const Index work_per_row = layer.weights ? layer.weights->outputs() * layer.weights->depth() : 0;
            const Sharing here(work_per_row, at.rows, sharing.threads);
            const Index each = ceiling(panels, here.chunks());
            auto run_panels = [&](Index chunk, int thread) noexcept {
                const StandardFloatEnvironment environment;
                T* const own = thread == 0 ? scratch : workspace.data() + elements + (thread - 1) * scratch_each;
                run_layer(layer, at, own, chunk * each, std::min(each, panels - chunk * each));
            };
            completed =
                completed && run_chunks(ceiling(panels, each), here.threads, sharing.wakes, run_panels, looks);
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
