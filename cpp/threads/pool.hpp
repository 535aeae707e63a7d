// A call's helpers: few, started when first needed, asleep when idle, gone in a forked child.
//
// A job is a number of chunks, and each thread has a share of them. Waking a sleeping thread takes longer than many a
// job [log 21]. So the caller starts at once and waits for nobody to wake. A thread that has finished its own share
// takes chunks of the others', with one atomic operation each. At the end the caller waits only for chunks in progress.
#pragma once

#include <type_traits>

#include "kernels/contract.hpp"

namespace forwardpass {

// Runs a chunk of a job on thread number `thread`, which is below Job::threads; 0 is the caller.
using ChunkFunction = void (*)(void* context, Index chunk, int thread);
// The caller asks it after each of its chunks. True ends the job, and chunks that nobody has begun are never run.
using StopFunction = bool (*)(void* context);

// Whether a job wakes workers that sleep. Workers that are awake may help with every job.
enum class Wakes {
    never,
    in_a_loop,  // if another job ended just before: the workers will be awake for the next one
    always,
};

struct Job {
    Index chunks;
    int threads;  // the most threads, with the caller
    Wakes wakes;
    ChunkFunction run;
    void* context;
    StopFunction stop;
    void* stop_context;
};

// Returns false if `stop` ended the job. No chunk runs after the return. Chunks must not throw. They may run twice: if
// `stop` forked the process, the child runs all of them again. The calling thread runs the job alone if another call is
// using the pool, or if the system refuses to start threads.
bool run_job(const Job& job) noexcept;

// run_job for function objects: body(chunk, thread) and stop().
template <class Body, class Stop>
bool run_chunks(Index chunks, int threads, Wakes wakes, Body&& body, Stop&& stop) noexcept {
    if (threads <= 1 || chunks <= 1) {  // little work, which calls by pointer would slow down
        for (Index chunk = 0; chunk < chunks; ++chunk) {
            body(chunk, 0);
            if (stop()) return false;
        }
        return true;
    }
    using B = std::remove_reference_t<Body>;
    using S = std::remove_reference_t<Stop>;
    return run_job({chunks, threads, wakes,
                    [](void* context, Index chunk, int thread) { (*static_cast<B*>(context))(chunk, thread); }, &body,
                    [](void* context) { return (*static_cast<S*>(context))(); }, &stop});
}

// How many workers exist now; tests ask it.
int worker_count() noexcept;

}  // namespace forwardpass
