#include "network/network.hpp"

#include <algorithm>
#include <atomic>

#include "machine/cpu.hpp"
#include "machine/float_environment.hpp"
#include "network/workspace.hpp"

namespace forwardpass {
namespace {

// Rows of a tile: multiples of 12, and so of the register tiles' rows [log 20]. Small weights are cheap to read again,
// so their tiles are small and activations stay in L1 and L2. Weights of more than half of L2 are read once for many
// rows. Where the outputs of several panels go to memory, each row is a stream of its own: then as few rows as there
// can be.
constexpr Index tile_bytes = 64 * 1024;
constexpr Index min_tile_rows = 12;
constexpr Index cached_tile_rows = 48;
constexpr Index max_tile_rows = 192;
constexpr Index reading_tile_rows = 256;
// A share of a batch too is a multiple of the rows that neighbours.hpp runs side by side for few outputs, 8.
constexpr Index most_lanes = 16;

// A workspace up to this size lives on the stack. One row of layers up to 1900 wide then needs no other memory, and a
// thread with 64 KiB of stack still works.
constexpr Index stack_bytes = 16 * 1024;

// With fewer rows for each thread than this, threads do not share rows: each would read all weights for itself.
constexpr Index rows_worth_cutting = 12;

Index rows_per_tile(Index bytes_per_row, Index bytes_of_weights, bool outputs_to_memory, Index lanes) {
    // Without vectors reading takes no time beside the sums, and a tile of many rows takes seconds without a look for
    // Ctrl-C.
    if (!fits(Cache::l2, 2 * bytes_of_weights)) return lanes == 1 ? cached_tile_rows : reading_tile_rows;
    const Index rows = tile_bytes / bytes_per_row, step = rows < cached_tile_rows ? min_tile_rows : cached_tile_rows;
    return std::clamp(rows / step * step, outputs_to_memory ? min_tile_rows : cached_tile_rows, max_tile_rows);
}

// a / b rounded up. A division is slow beside a small network, and the usual answer is 1.
constexpr Index ceiling(Index a, Index b) noexcept { return a > 0 && a <= b ? 1 : (a + b - 1) / b; }

template <class T>
Batch<T> rows_of(const Batch<T>& batch, Index first, Index rows) noexcept {
    constexpr Index bytes_each = sizeof(T);
    return {batch.x + first * batch.x_row_stride,
            batch.x_row_stride,
            batch.y + first * batch.y_row_stride,
            batch.y_row_stride,
            std::min(rows, batch.rows - first),
            batch.width,
            !fits(Cache::any, batch.rows * batch.width * bytes_each)};
}

}  // namespace

template <class T>
void Network<T>::run_step(const LinearStep<T>& linear, const Batch<T>& batch, T* scratch) const noexcept {
    linear.weights->kernels().linear(linear.task, batch, scratch);
}

template <class T>
void Network<T>::run_step(const Activation& activation, const Batch<T>& batch, T*) const noexcept {
    for (Index r = 0; r < batch.rows; ++r)
        kernels_->activate(activation, batch.x + r * batch.x_row_stride, batch.y + r * batch.y_row_stride, batch.width);
}

template <class T>
void Network<T>::run_step(const RowLayer& row, const Batch<T>& batch, T*) const noexcept {
    RowTask task{row.function, nullptr, 0, row.eps};
    if (const FeatureTable* const features = row.features.get())
        task.table = features->data(), task.table_stride = features->stride(), task.powers = features->powers(),
        task.one_feature = features->width() == 1;
    kernels_->rows(task, batch);
}

template <class T>
void Network<T>::run_step(const StridedRows<T>& added, const Batch<T>& batch, T*) const noexcept {
    for (Index r = 0; r < batch.rows; ++r)
        kernels_->add(batch.x + r * batch.x_row_stride, added.first + r * added.stride,
                      batch.y + r * batch.y_row_stride, batch.width);
}

// Depth first: each tile of rows goes through all layers on one thread, and waits for no other tile. A tile of many
// large layers takes seconds, so the caller's thread then looks for Ctrl-C after each step, for all threads. That takes
// time in a small network's call. So there are two instances; one function with both would be slower [log 20].
template <class T>
template <bool polls_inside>
bool Network<T>::share_rows(const Batch<T>& batch, const Sharing& sharing, Index tile, InterruptPoll& poll) const {
    const Index elements = plan_.workspace_elements(tile, batch.width);
    std::atomic<bool> ended{false};
    const auto run_tile = [&](Index chunk, [[maybe_unused]] int thread, T* workspace) noexcept {
        const StandardFloatEnvironment environment;
        plan_.for_each_step(rows_of(batch, chunk * tile, tile), workspace,
                            [&](const auto& kind, const Batch<T>& at, T* scratch) noexcept {
                                if (polls_inside && ended.load(std::memory_order_relaxed)) return;
                                run_step(kind, at, scratch);
                                if (polls_inside && thread == 0) ended.store(poll.after(work_between_polls));
                            });
    };
    const Index chunks = ceiling(batch.rows, tile);
    if (elements * static_cast<Index>(sizeof(T)) <= stack_bytes) {
        return run_chunks(
            chunks, sharing.threads, sharing.wakes,
            [&](Index chunk, int thread) noexcept {
                alignas(cache_line) T workspace[stack_bytes / sizeof(T)];
                run_tile(chunk, thread, workspace);
            },
            poll);
    }
    const Index distance = padded<T>(elements);
    Workspace<T> workspace(checked_product(distance, sharing.threads));
    return run_chunks(
        chunks, sharing.threads, sharing.wakes,
        [&](Index chunk, int thread) noexcept { run_tile(chunk, thread, workspace.data() + thread * distance); }, poll);
}

// Few rows: the threads share the panels of each layer, so that they read different weights. They wait for each other
// before the next layer.
template <class T>
bool Network<T>::share_panels(const Batch<T>& batch, const Sharing& sharing, Index tile, InterruptPoll& poll) const {
    // Behind the workspace, scratch for each thread but the first.
    const Index elements = padded<T>(plan_.workspace_elements(tile, batch.width));
    const Index scratch_each = padded<T>(plan_.scratch_elements(tile));
    Workspace<T> workspace(elements + checked_product(scratch_each, sharing.threads - 1));
    bool completed = true;
    for (Index row = 0; row < batch.rows && completed; row += tile) {
        const auto share_linear = [&](const LinearStep<T>& linear, const Batch<T>& at, T* scratch) noexcept {
            const PackedLinear<T>& whole = linear.task;
            const Kernels<T>& kernels = linear.weights->kernels();
            const Index panels = ceiling(whole.outputs, kernels.panel_outputs);
            if (panels == 0) return;
            const Sharing here(whole.outputs * whole.depth, at.rows, sharing.threads);
            const Index each = ceiling(panels, here.chunks()), outputs_each = each * kernels.panel_outputs;
            auto run_some = [&](Index chunk, int thread) noexcept {
                const StandardFloatEnvironment environment;
                T* const own = thread == 0 ? scratch : workspace.data() + elements + (thread - 1) * scratch_each;
                const Index first = chunk * outputs_each;
                PackedLinear<T> part = whole;
                part.panels += kernels.packed_elements(whole.depth, first);
                part.outputs = std::min(outputs_each, whole.outputs - first);
                Batch<T> to = at;
                to.y += first;
                kernels.linear(part, to, own);
            };
            completed = completed && run_chunks(ceiling(panels, each), here.threads, sharing.wakes, run_some, poll);
        };
        const auto share_step = [&](const auto& kind, const Batch<T>& at, T* scratch) noexcept {
            if constexpr (std::is_same_v<decltype(kind), const LinearStep<T>&>) return share_linear(kind, at, scratch);
            const StandardFloatEnvironment environment;
            run_step(kind, at, scratch);
        };
        plan_.for_each_step(rows_of(batch, row, tile), workspace.data(), share_step);
    }
    return completed;
}

template <class T>
bool Network<T>::run(const Batch<T>& batch, int threads, Interrupted interrupted) const {
    constexpr Index bytes_each = sizeof(T);
    Index tile = batch.rows;
    if (tile > min_tile_rows) {
        const bool outputs_to_memory =
            plan_.outputs() > 4 * line_elements<T> && !fits(Cache::any, batch.rows * plan_.outputs() * bytes_each);
        tile = std::min(tile, rows_per_tile(2 * plan_.workspace_stride(batch.width) * bytes_each,
                                            plan_.bytes_of_weights(), outputs_to_memory, kernels_->lanes));
    }
    const Index work_each = work(1, batch.width);
    const Sharing sharing(work_each, batch.rows, threads);
    if (sharing.threads > 1) tile = std::min(tile, ceiling(batch.rows, sharing.chunks() * most_lanes) * most_lanes);
    InterruptPoll poll(interrupted, tile * work_each);
    const auto share_tiles = [&] {
        return tile * work_each > work_between_polls ? share_rows<true>(batch, sharing, tile, poll)
                                                     : share_rows<false>(batch, sharing, tile, poll);
    };
    if (sharing.threads == 1) return share_tiles();
    const bool cached = fits(Cache::l2, plan_.bytes_of_weights());
    if (batch.rows < sharing.threads * (cached ? rows_worth_cutting : reading_tile_rows))
        return share_panels(batch, sharing, std::min(batch.rows, reading_tile_rows), poll);
    return share_tiles();
}

template class Network<float>;
template class Network<double>;

}  // namespace forwardpass
