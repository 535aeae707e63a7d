#include "network.hpp"

#include <algorithm>

#include "cpu.hpp"
#include "float_environment.hpp"
#include "kernels/slices.hpp"
#include "workspace.hpp"

namespace forwardpass {
namespace {

// Rows of a tile: multiples of 16 lanes where there are so many, and up to 192 of the register tile's 3, 4 and 6.
// Weights that take half of L2 at most are cheap to read again, so few rows, whose activations stay in L1 and L2;
// beyond it 256 rows share each read: 512-512 x 1024, whose weights are as large as L2, takes 2.32 ms in tiles of 12
// rows and 2.06 of 192 (Zen 5), 5.22 of 192 and 5.11 of 256, and 4096-4096-4096-1000 x 256 175 and 172 ms (Zen 4). The
// fewest of small weights are 48: 16-2048 x 256 takes 175 us in tiles of 12, 164 of 24, 160 of 48, 173 of 192;
// 16-4096-16 x 256 645, 630, 620 and 620; and the most are 192: with 240 16-16 x 256 lost 6 % (Zen 4). But 12 where
// outputs of several panels go to memory, each row a stream of its own: 16-4096 x 1024 takes 1.6 ms, in tiles of 24
// 2.1, of 48 2.4, 16-1024 x 8192 4.3 and 6.1 (Zen 4; on Zen 5 16-4096 0.74 and 0.68 of 48).
constexpr Index tile_bytes = 64 * 1024;
constexpr Index min_tile_rows = 12;
constexpr Index cached_tile_rows = 48;
constexpr Index max_tile_rows = 192;
constexpr Index reading_tile_rows = 256;
// A share of a batch too: few outputs have rows in their lanes, and 10000-1 x 64 took 67 us in tiles of 12, 48 in one
// thread.
constexpr Index most_lanes = 16;

// Workspace up to this size lives on the stack: one row of layers up to 1900 wide touches no other memory, and a
// thread with 64 KiB of stack still works.
constexpr Index stack_bytes = 16 * 1024;

// Fewer rows than two register tiles for each thread are not cut: each would read all weights for itself.
constexpr Index rows_worth_cutting = 12;

Index rows_per_tile(Index bytes_per_row, Index bytes_of_weights, bool cold_outputs) {
    if (bytes_of_weights > l2_bytes() / 2) return reading_tile_rows;
    const Index rows = tile_bytes / bytes_per_row, step = rows < cached_tile_rows ? min_tile_rows : cached_tile_rows;
    return std::clamp(rows / step * step, cold_outputs ? min_tile_rows : cached_tile_rows, max_tile_rows);
}

// a / b rounded up; a division takes 5 ns, and the usual answer is 1.
constexpr Index ceiling(Index a, Index b) noexcept { return a > 0 && a <= b ? 1 : (a + b - 1) / b; }

template <class T>
Step<T> step_of(const std::shared_ptr<PackedWeights<T>>& weights) {
    Step<T> step{Step<T>::Kind::linear};
    step.linear.panels = weights->panels();
    step.linear.depth = weights->depth();
    step.linear.outputs = weights->outputs();
    step.linear.cold = weights->bytes() > cached_bytes;
    step.linear.blocks_in_lanes = turns_blocks();
    step.weights = weights;
    return step;
}

// Few outputs cost as much as so many: reading and turning x takes the time. 64 rows of 10000 x 1 take 40 us, 640,000
// multiplications at 16 GFMA/s (Zen 4).
constexpr Index outputs_for_reading = 4;

// An activation of one element costs as much as so many multiplications, roughly (Zen 4).
constexpr Index work_of_element = 30;

// Every fourth of the next weights' first 64 lines, for one row, whose weights come from L2: 32x17-1 takes 0.71 us;
// with the first 16 lines 0.75, with every second or third one 0.82 and 0.79, without any 0.80 (Zen 4). Inline, as GCC
// 12 takes a function that only fetches for one without effect.
template <class T>
FORWARDPASS_INLINE void fetch_beginning(const Step<T>& step) noexcept {
    if (step.kind != Step<T>::Kind::linear) return;
    for (Index line = 2; line < 64; line += 4) __builtin_prefetch(step.linear.panels + line * panel_alignment<T>);
}

template <class T>
Batch<T> rows_of(const Batch<T>& batch, Index first, Index rows) noexcept {
    constexpr Index bytes_each = sizeof(T);
    return {batch.x + first * batch.x_row_stride,
            batch.x_row_stride,
            batch.y + first * batch.y_row_stride,
            batch.y_row_stride,
            std::min(rows, batch.rows - first),
            batch.width,
            batch.rows * batch.width * bytes_each > cached_bytes};
}

}  // namespace

template <class T>
Network<T>::Network(const Kernels<T>& kernels, const std::vector<Layer<T>>& layers) : kernels_(&kernels) {
    plan(layers);
    count_work();
}

// Which buffer each step reads and writes. Only weights need another one than they read; what a residual connection
// will add is left alone meanwhile.
template <class T>
void Network<T>::plan(const std::vector<Layer<T>>& layers) {
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
void Network<T>::count_work() {
    for (const Step<T>& step : steps_) {
        const PackedLinear<T>& linear = step.linear;
        if (step.weights) {
            outputs_ = linear.outputs;
            widest_ = std::max(widest_, outputs_);
            deepest_ = std::max(deepest_, linear.depth);
            weights_ += outputs_ * linear.depth;
            work_per_row_ += std::max(outputs_, outputs_for_reading) * linear.depth;
        }
        if (step.kind == Step<T>::Kind::row || linear.activation.function > Function::relu)
            (outputs_ > 0 ? work_per_row_ : work_per_element_) += work_of_element * std::max<Index>(outputs_, 1);
    }
}

// A cache line more than the widest outputs, which may be those of what comes before all weights: rows a power of two
// apart would share cache sets.
template <class T>
Index Network<T>::workspace_stride(Index width) const noexcept {
    return padded<T>(steps_.front().weights ? widest_ : std::max(widest_, width)) + panel_alignment<T>;
}

// Elements of workspace for `rows` rows: the buffers between layers, and the kernels' scratch.
template <class T>
Index Network<T>::workspace_elements(Index rows, Index width) const {
    return checked_product(buffers_ * rows, workspace_stride(width)) + scratch_elements<T>(deepest_, rows);
}

// Calls use(step, batch, added, scratch) for each step with where it reads and writes.
template <class T>
template <class Use>
FORWARDPASS_INLINE void Network<T>::for_each_step(Batch<T> batch, T* workspace, const Use& use) const noexcept {
    const Index stride = workspace_stride(batch.width), distance = batch.rows * stride;
    T* const scratch = workspace + buffers_ * distance;
    const T* const x = batch.x;
    T* const y = batch.y;
    const Index x_row_stride = batch.x_row_stride, y_row_stride = batch.y_row_stride;
    const bool cold = batch.cold;
    const auto buffer = [&](int number) { return workspace + (number - Step<T>::workspace) * distance; };
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        const Step<T>& step = steps_[i];
        if (batch.rows == 1 && i + 1 < steps_.size()) fetch_beginning(steps_[i + 1]);
        const bool reads_x = step.from == Step<T>::x, last = step.to == Step<T>::y;
        batch.x = reads_x ? x : buffer(step.from);
        batch.x_row_stride = reads_x ? x_row_stride : stride;
        batch.cold = reads_x && cold;
        batch.y = last ? y : buffer(step.to);
        batch.y_row_stride = last ? y_row_stride : stride;
        const bool adds_x = step.added == Step<T>::x;
        use(step, batch, Added<T>{adds_x ? x : buffer(step.added), adds_x ? x_row_stride : stride}, scratch);
        if (step.weights) batch.width = step.linear.outputs;
    }
}

template <class T>
FORWARDPASS_INLINE void Network<T>::run_step(const Step<T>& step, const Batch<T>& batch, const Added<T>& added,
                                             T* scratch) const noexcept {
    if (step.kind == Step<T>::Kind::linear) kernels_->linear(step.linear, batch, scratch);
    else run_rows(step, batch, added);
}

// A step without weights. By itself: one function with the above took 4 ns more of a small network's call.
template <class T>
__attribute__((noinline)) void Network<T>::run_rows(const Step<T>& step, const Batch<T>& batch,
                                                    const Added<T>& added) const noexcept {
    RowTask<T> task{step.row.function, nullptr, 0, step.row.eps, nullptr, nullptr, batch.width};
    if (const Columns* const columns = step.row.columns.get())
        task.table = columns->table<T>(), task.table_stride = columns->stride<T>();
    for (Index r = 0; r < batch.rows; ++r) {
        task.x = batch.x + r * batch.x_row_stride;
        task.y = batch.y + r * batch.y_row_stride;
        if (step.kind == Step<T>::Kind::row) kernels_->row(task);
        else if (step.kind == Step<T>::Kind::add)
            kernels_->add(task.x, added.rows + r * added.row_stride, task.y, batch.width);
        else kernels_->activate(step.linear.activation, task.x, task.y, batch.width);
    }
}

// Depth first: each tile of rows goes through all layers, on one thread, and meets no other.
template <class T>
bool Network<T>::share_rows(const Batch<T>& batch, const Sharing& sharing, Index tile, Looks& looks) const {
    const Index elements = workspace_elements(tile, batch.width);
    const auto run_tile = [&](Index chunk, T* workspace) noexcept {
        const StandardFloatEnvironment environment;
        for_each_step(rows_of(batch, chunk * tile, tile), workspace,
                      [&](const Step<T>& step, const Batch<T>& at, const Added<T>& added, T* scratch) noexcept {
                          run_step(step, at, added, scratch);
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
        const auto share_step = [&](const Step<T>& step, const Batch<T>& at, const Added<T>& added,
                                    T* scratch) noexcept {
            if (step.kind != Step<T>::Kind::linear) {
                const StandardFloatEnvironment environment;
                return run_step(step, at, added, scratch);
            }
            const PackedLinear<T>& whole = step.linear;
            const Index panels = panel_count<T>(whole.outputs);
            if (panels == 0) return;
            const Sharing here(whole.outputs * whole.depth, at.rows, sharing.threads);
            const Index each = ceiling(panels, here.chunks());
            auto run_some = [&](Index chunk, int thread) noexcept {
                const StandardFloatEnvironment environment;
                T* const own = thread == 0 ? scratch : workspace.data() + elements + (thread - 1) * scratch_each;
                const Index first = chunk * each * panel_outputs<T>;
                PackedLinear<T> part = whole;
                part.panels += panel_offset<T>(whole.depth, chunk * each);
                part.outputs = std::min(each * panel_outputs<T>, whole.outputs - first);
                Batch<T> to = at;
                to.y += first;
                kernels_->linear(part, to, own);
            };
            completed = completed && run_chunks(ceiling(panels, each), here.threads, sharing.wakes, run_some, looks);
        };
        for_each_step(rows_of(batch, row, tile), workspace.data(), share_step);
    }
    return completed;
}

template <class T>
bool Network<T>::run(const Batch<T>& batch, int threads, Interrupted interrupted) const {
    constexpr Index bytes_each = sizeof(T);
    Index tile = batch.rows;
    if (tile > min_tile_rows) {
        const bool cold_outputs = outputs_ > panel_outputs<T> && batch.rows * outputs_ * bytes_each > cached_bytes;
        tile = std::min(
            tile, rows_per_tile(2 * workspace_stride(batch.width) * bytes_each, weights_ * bytes_each, cold_outputs));
    }
    const Index work_each = work(1, batch.width);
    const Sharing sharing(work_each, batch.rows, threads);
    if (sharing.threads > 1) tile = std::min(tile, ceiling(batch.rows, sharing.chunks() * most_lanes) * most_lanes);
    Looks looks(interrupted, tile * work_each);
    if (sharing.threads == 1) return share_rows(batch, sharing, tile, looks);
    const bool cached = weights_ * bytes_each <= l2_bytes();
    if (batch.rows < sharing.threads * (cached ? rows_worth_cutting : reading_tile_rows))
        return share_panels(batch, sharing, std::min(batch.rows, reading_tile_rows), looks);
    return share_rows(batch, sharing, tile, looks);
}

template class Network<float>;
template class Network<double>;

}  // namespace forwardpass
