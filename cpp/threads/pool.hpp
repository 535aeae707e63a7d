// A call's helpers: few, started when first needed, asleep when idle, gone in a forked child.
//
// A job is a number of chunks, a share of them for each thread. The caller starts at once and waits for
// nobody to wake: who has finished its own share takes what is left of the others', and the caller waits only for
// chunks that are already taken. Waking a sleeping thread takes longer than many a job [log 21]. Taking a chunk is one
// atomic operation.
#pragma once

#include <type_traits>

#include "kernels/contract.hpp"

namespace forwardpass {

// A chunk of a job, on `thread`: 0 is the caller, and every number below Job::threads is one thread's.
using ChunkFunction = void (*)(void* context, Index chunk, int thread);
// Asked by the caller between its chunks; true ends the job, with chunks left undone.
using StopFunction = bool (*)(void* context);

// Whether workers that sleep are woken. Those still awake may help with every job.
enum class Wakes {
    never,
    in_a_loop,  // where another job ended just before: they will be awake for the next one
    always,
};

struct Job {
    Index chunks;
    int threads;  // at most, the caller included
    Wakes wakes;
    ChunkFunction run;
    void* context;
    StopFunction stop;
    void* stop_context;
};

// Returns false if `stop` ended the job. No chunk runs after the return. Chunks must not throw, and
// may run twice: all of them are run again if the process was forked, inside `stop`, in between.
// Another call that is using the pool leaves this one its own thread only, as does a system that
// refuses to start threads.
bool run_job(const Job& job) noexcept;

// run_job for function objects: body(chunk, thread) and stop().
template <class Body, class Stop>
bool run_chunks(Index chunks, int threads, Wakes wakes, Body&& body, Stop&& stop) noexcept {
    if (threads <= 1 || chunks <= 1) {  // small work, that the pool's type-erased calls would slow down
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

// Workers that exist now, for tests.
int worker_count() noexcept;

}  // namespace forwardpass
