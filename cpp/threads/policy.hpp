// When a call's work is worth the help of other threads, and how often it looks for an interrupt.
#pragma once

#include <chrono>

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

// Asked now and then during a long run, by the thread that called; true ends it.
using Interrupted = bool (*)();

// Time between two looks at Interrupted, which may wait for the GIL; and multiplications between two looks at the
// clock, a third of a millisecond with vectors and a hundred times that without.
constexpr std::chrono::milliseconds time_between_looks{50};
constexpr Index work_between_looks = Index{1} << 24;

// Called after each chunk of a known amount of work, or after parts of it. Work only says when to look at the clock.
class Looks {
public:
    Looks(Interrupted interrupted, Index work_of_chunk) noexcept
        : interrupted_(interrupted), work_of_chunk_(work_of_chunk) {
        if (work_of_chunk >= work_between_looks) last_ = Clock::now();
    }
    bool operator()() noexcept { return after(work_of_chunk_); }
    bool after(Index work) noexcept {
        work_ += work;
        if (work_ < work_between_looks || ended_) return ended_;
        work_ = 0;
        const Clock::time_point now = Clock::now();
        if (last_ == Clock::time_point{}) last_ = now;  // not before: a call of few short chunks reads no clock
        if (now - last_ < time_between_looks) return false;
        last_ = now;
        return ended_ = interrupted_();
    }

private:
    using Clock = std::chrono::steady_clock;
    Interrupted interrupted_;
    Index work_of_chunk_;
    Index work_ = 0;
    Clock::time_point last_{};
    bool ended_ = false;
};

}  // namespace forwardpass
