// When a call has enough work to use other threads.
#pragma once

#include "kernels/contract.hpp"
#include "threads/count.hpp"
#include "threads/pool.hpp"

namespace forwardpass {

// Work is counted in multiplications. From the first amount on, threads that are awake help: it is several times what
// sharing costs. From the second on, a loop of calls wakes sleeping threads: less work is sometimes faster alone. From
// the third on, every call wakes them, although that may take the caller a fifth of a millisecond [log 21].
constexpr Index work_worth_sharing = Index{1} << 19;
constexpr Index work_worth_waking_in_a_loop = Index{1} << 20;
constexpr Index work_worth_waking = Index{1} << 24;
// Reading the weights takes as long as running this many rows through them: AVX-512 multiplies 32 floats a cycle, and
// L2 gives 11 [log 7].
constexpr Index rows_for_reading = 3;

// The work of `rows` rows of `work_per_row` multiplications each, with the reading of the weights.
constexpr Index shared_work(Index work_per_row, Index rows) noexcept {
    return (rows + rows_for_reading) * work_per_row;
}

// Several chunks for each thread: if one thread is held up, others take its chunks, and all end at about the same time.
constexpr Index chunks_for_each_thread = 4;

// How many threads share `rows` rows of `work_per_row` multiplications, and which are woken. `wanted` is the most
// threads, or 0 for as many as thread_count() says.
struct Sharing {
    int threads;
    Wakes wakes;

    Sharing(Index work_per_row, Index rows, int wanted) noexcept {
        const Index work = shared_work(work_per_row, rows);
        threads = work < work_worth_sharing ? 1 : wanted > 0 ? wanted : thread_count();
        wakes = work >= work_worth_waking             ? Wakes::always
                : work >= work_worth_waking_in_a_loop ? Wakes::in_a_loop
                                                      : Wakes::never;
    }
    Index chunks() const noexcept { return threads == 1 ? 1 : threads * chunks_for_each_thread; }
};

}  // namespace forwardpass
