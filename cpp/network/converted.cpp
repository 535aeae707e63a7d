#include "network/converted.hpp"

#include <algorithm>
#include <atomic>
#include <exception>

#include "machine/aligned_buffer.hpp"
#include "machine/float_environment.hpp"

namespace forwardpass {
namespace {

// So many rows are converted together. They share one reading of large weights (network.cpp).
constexpr Index rows_at_once = 256;

// Converted rows up to this size live on the stack.
constexpr Index stack_bytes = 4 * 1024;

template <class T>
class Conversion {
public:
    Conversion(const Network<T>& network, const Source& source, const Batch<T>& batch) noexcept
        : network_(network), source_(source), batch_(batch) {}

    // One more cache line, because rows a power of two apart would share cache sets.
    Index stride() const noexcept { return padded<T>(batch_.width) + line_elements<T>; }

    // `rows` rows from `first` on, converted to `place`.
    bool run(Index first, Index rows, T* place, int threads, Interrupted interrupted) const {
        Source from = source_;
        from.at += first * source_.row_stride;
        {
            // The caller's rounding mode would choose the bits.
            const StandardFloatEnvironment environment;
            network_.kernels().convert(from, rows, batch_.width, place, stride());
        }
        const Batch<T> some{place, stride(),    batch_.y + first * batch_.y_row_stride, batch_.y_row_stride,
                            rows,  batch_.width};
        return network_.run(some, threads, interrupted);
    }

    // Some rows at a time, each on one thread.
    bool run_all(const Sharing& sharing, Interrupted interrupted) const {
        const Index rows = sharing.threads == 1
                               ? rows_at_once
                               : std::min(rows_at_once, (batch_.rows + sharing.chunks() - 1) / sharing.chunks());
        const Index elements = checked_product(rows, stride());
        AlignedBuffer<T> places(checked_product(elements, sharing.threads));
        std::exception_ptr failure;  // of the thread that set `ended` first
        std::atomic<bool> ended{false};
        const auto end = [&](std::exception_ptr why) noexcept {
            if (!ended.exchange(true)) failure = why;
        };
        InterruptPoll poll(interrupted, rows * network_.work(1, batch_.width));
        const bool completed = run_chunks(
            (batch_.rows + rows - 1) / rows, sharing.threads, sharing.wakes,
            [&](Index chunk, int thread) noexcept {
                if (ended.load(std::memory_order_relaxed)) return;
                try {
                    const Index first = chunk * rows;
                    const Interrupted asked = thread == 0 ? interrupted : [] { return false; };
                    if (!run(first, std::min(rows, batch_.rows - first), places.data() + thread * elements, 1, asked))
                        end(nullptr);
                } catch (...) {
                    end(std::current_exception());
                }
            },
            [&]() noexcept { return ended.load() || poll(); });
        if (failure) std::rethrow_exception(failure);
        return completed;
    }

private:
    const Network<T>& network_;
    const Source& source_;
    const Batch<T>& batch_;
};

}  // namespace

template <class T>
bool run_converted(const Network<T>& network, const Source& source, const Batch<T>& batch, int threads,
                   Interrupted interrupted) {
    const Conversion<T> conversion(network, source, batch);
    if (const Index elements = batch.rows * conversion.stride();
        elements * static_cast<Index>(sizeof(T)) <= stack_bytes) {
        alignas(cache_line) T place[stack_bytes / sizeof(T)];
        return conversion.run(0, batch.rows, place, threads, interrupted);
    }
    const Sharing sharing(network.work(1, batch.width), batch.rows, threads);
    if (batch.rows > rows_at_once * sharing.threads) return conversion.run_all(sharing, interrupted);
    // With so few rows, threads may share the weights instead of the rows.
    AlignedBuffer<T> place(checked_product(batch.rows, conversion.stride()));
    return conversion.run(0, batch.rows, place.data(), threads, interrupted);
}

template bool run_converted(const Network<float>&, const Source&, const Batch<float>&, int, Interrupted);
template bool run_converted(const Network<double>&, const Source&, const Batch<double>&, int, Interrupted);

}  // namespace forwardpass
