// When a call's work is worth the help of other threads.
#pragma once

#include "kernels/contract.hpp"
#include "threads/count.hpp"
#include "threads/pool.hpp"

namespace forwardpass {

// Work, in multiplications, that threads which are awake may take part in: several times what sharing costs. Work for
// which sleeping ones are woken in a loop of calls: less of it is sometimes faster alone. And work for which they are
// woken at once, although waking may take the caller a fifth of a millisecond [log 21].
constexpr Index work_worth_sharing = Index{1} << 19;
constexpr Index work_worth_waking_in_a_loop = Index{1} << 20;
constexpr Index work_worth_waking = Index{1} << 24;
// Reading the weights takes as long as running this many rows through them: AVX-512 multiplies 32 floats a cycle, and
// L2 gives 11 [log 7].
constexpr Index rows_for_reading = 3;

// What decides whether `rows` rows of `work_per_row` multiplications are shared.
constexpr Index shared_work(Index work_per_row, Index rows) noexcept {
    return (rows + rows_for_reading) * work_per_row;
}

// Chunks for each thread, so that all end at about the same time wherever one was held up.
constexpr Index chunks_for_each_thread = 4;

// How the work of `rows` rows of `work_per_row` multiplications may be shared; `threads` of 0 asks for
// as many as thread_count() says.
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
