// How often a long run asks whether it is interrupted.
#pragma once

#include <chrono>

#include "kernels/contract.hpp"

namespace forwardpass {

// The calling thread asks this now and then during a long run. True ends the run.
using Interrupted = bool (*)();

// Each question may wait for the GIL, so some time passes between two of them. Between two looks at the clock a thread
// does so many multiplications: a third of a millisecond with vectors, a hundred times as long without.
constexpr std::chrono::milliseconds time_between_polls{50};
constexpr Index work_between_polls = Index{1} << 24;

// A run calls it after each chunk, or after parts of one, with a known amount of work. The work decides when to look at
// the clock, and the clock when to ask.
class InterruptPoll {
public:
    InterruptPoll(Interrupted interrupted, Index work_of_chunk) noexcept
        : interrupted_(interrupted), work_of_chunk_(work_of_chunk) {
        if (work_of_chunk >= work_between_polls) last_ = Clock::now();
    }
    bool operator()() noexcept { return after(work_of_chunk_); }
    bool after(Index work) noexcept {
        work_ += work;
        if (work_ < work_between_polls || ended_) return ended_;
        work_ = 0;
        const Clock::time_point now = Clock::now();
        if (last_ == Clock::time_point{}) last_ = now;  // late, so that a call of few short chunks reads no clock
        if (now - last_ < time_between_polls) return false;
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
