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
// A share of a batch too is a multiple of the rows that run side by side for few outputs: 8 (neighbours.hpp).
constexpr Index most_lanes = 16;

// Workspace up to this size lives on the stack: one row of layers up to 1900 wide touches no other memory, and a
// thread with 64 KiB of stack still works.
constexpr Index stack_bytes = 16 * 1024;

// Fewer rows than two register tiles for each thread are not cut: each would read all weights for itself.
constexpr Index rows_worth_cutting = 12;

Index rows_per_tile(Index bytes_per_row, Index bytes_of_weights, bool cold_outputs, Index lanes) {
    // Without vectors reading takes no time beside the sums, and a tile of many rows takes seconds without a look for
    // Ctrl-C.
    if (bytes_of_weights > tuning().l2_bytes / 2) return lanes == 1 ? cached_tile_rows : reading_tile_rows;
    const Index rows = tile_bytes / bytes_per_row, step = rows < cached_tile_rows ? min_tile_rows : cached_tile_rows;
    return std::clamp(rows / step * step, cold_outputs ? min_tile_rows : cached_tile_rows, max_tile_rows);
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
            batch.rows * batch.width * bytes_each > tuning().cached_bytes};
}

}  // namespace

template <class T>
FORWARDPASS_INLINE void Network<T>::run_step(const Step<T>& step, const Batch<T>& batch, const Added<T>& added,
                                             T* scratch) const noexcept {
    if (step.kind == Step<T>::Kind::linear) step.weights->kernels().linear(step.linear, batch, scratch);
    else run_rows(step, batch, added);
}

// A step without weights. Out of line: one function with the above made small networks slower [log 20].
template <class T>
__attribute__((noinline)) void Network<T>::run_rows(const Step<T>& step, const Batch<T>& batch,
                                                    const Added<T>& added) const noexcept {
    if (step.kind == Step<T>::Kind::row) {
        RowTask task{step.row.function, nullptr, 0, step.row.eps};
        if (const Columns* const columns = step.row.columns.get())
            task.table = columns->table(), task.table_stride = columns->stride(), task.powers = columns->powers(),
            task.one_column = columns->width() == 1;
        return kernels_->rows(task, batch);
    }
    for (Index r = 0; r < batch.rows; ++r) {
        const T* const x = batch.x + r * batch.x_row_stride;
        T* const y = batch.y + r * batch.y_row_stride;
        if (step.kind == Step<T>::Kind::add) kernels_->add(x, added.rows + r * added.row_stride, y, batch.width);
        else kernels_->activate(step.linear.activation, x, y, batch.width);
    }
}

// Depth first: each tile of rows goes through all layers, on one thread, and meets no other. A tile of many large
// layers takes seconds: there the caller's thread looks after each step, for the others too. Instantiated apart, as the
// question takes time of a small network's call, and both in one function take more [log 20].
template <class T>
template <bool looks_inside>
bool Network<T>::share_rows(const Batch<T>& batch, const Sharing& sharing, Index tile, Looks& looks) const {
    const Index elements = plan_.workspace_elements(tile, batch.width);
    std::atomic<bool> ended{false};
    const auto run_tile = [&](Index chunk, [[maybe_unused]] int thread, T* workspace) noexcept {
        const StandardFloatEnvironment environment;
        plan_.for_each_step(rows_of(batch, chunk * tile, tile), workspace,
                            [&](const Step<T>& step, const Batch<T>& at, const Added<T>& added, T* scratch) noexcept {
                                if (looks_inside && ended.load(std::memory_order_relaxed)) return;
                                run_step(step, at, added, scratch);
                                if (looks_inside && thread == 0) ended.store(looks.after(work_between_looks));
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
            looks);
    }
    const Index distance = padded<T>(elements);
    Workspace<T> workspace(checked_product(distance, sharing.threads));
    return run_chunks(
        chunks, sharing.threads, sharing.wakes,
        [&](Index chunk, int thread) noexcept { run_tile(chunk, thread, workspace.data() + thread * distance); },
        looks);
}

// Few rows: the panels of each layer are dealt out, so that the threads read different weights, and
// wait for each other before the next layer.
template <class T>
bool Network<T>::share_panels(const Batch<T>& batch, const Sharing& sharing, Index tile, Looks& looks) const {
    // Behind the workspace, scratch for each thread but the first.
    const Index elements = padded<T>(plan_.workspace_elements(tile, batch.width));
    const Index scratch_each = padded<T>(plan_.scratch_elements(tile));
    Workspace<T> workspace(elements + checked_product(scratch_each, sharing.threads - 1));
    bool completed = true;
    for (Index row = 0; row < batch.rows && completed; row += tile) {
        const auto share_step = [&](const Step<T>& step, const Batch<T>& at, const Added<T>& added,
                                    T* scratch) noexcept {
            if (step.kind != Step<T>::Kind::linear) {
                const StandardFloatEnvironment environment;
                return run_step(step, at, added, scratch);
            }
            const PackedLinear<T>& whole = step.linear;
            const Panels<T>& layout = step.weights->layout();
            const Index panels = layout.count();
            if (panels == 0) return;
            const Sharing here(whole.outputs * whole.depth, at.rows, sharing.threads);
            const Index each = ceiling(panels, here.chunks());
            auto run_some = [&](Index chunk, int thread) noexcept {
                const StandardFloatEnvironment environment;
                T* const own = thread == 0 ? scratch : workspace.data() + elements + (thread - 1) * scratch_each;
                const Index first = layout.first_output(chunk * each);
                PackedLinear<T> part = whole;
                part.panels += layout.offset(chunk * each);
                part.outputs = std::min(each * layout.width, whole.outputs - first);
                Batch<T> to = at;
                to.y += first;
                step.weights->kernels().linear(part, to, own);
            };
            completed = completed && run_chunks(ceiling(panels, each), here.threads, sharing.wakes, run_some, looks);
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
        const bool cold_outputs =
            plan_.outputs() > 4 * line_elements<T> && batch.rows * plan_.outputs() * bytes_each > tuning().cached_bytes;
        tile = std::min(tile, rows_per_tile(2 * plan_.workspace_stride(batch.width) * bytes_each,
                                            plan_.bytes_of_weights(), cold_outputs, kernels_->lanes));
    }
    const Index work_each = work(1, batch.width);
    const Sharing sharing(work_each, batch.rows, threads);
    if (sharing.threads > 1) tile = std::min(tile, ceiling(batch.rows, sharing.chunks() * most_lanes) * most_lanes);
    Looks looks(interrupted, tile * work_each);
    const auto share_tiles = [&] {
        return tile * work_each > work_between_looks ? share_rows<true>(batch, sharing, tile, looks)
                                                     : share_rows<false>(batch, sharing, tile, looks);
    };
    if (sharing.threads == 1) return share_tiles();
    const bool cached = plan_.bytes_of_weights() <= tuning().l2_bytes;
    if (batch.rows < sharing.threads * (cached ? rows_worth_cutting : reading_tile_rows))
        return share_panels(batch, sharing, std::min(batch.rows, reading_tile_rows), looks);
    return share_tiles();
}

template class Network<float>;
template class Network<double>;

}  // namespace forwardpass
