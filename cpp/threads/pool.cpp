#include "threads/pool.hpp"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>

#include "threads/affinity.hpp"
#include "threads/chunks.hpp"
#include "threads/count.hpp"

namespace forwardpass {
namespace {

// How long a worker stays awake after a job. A loop of calls then need not wake it, and an idle process uses no CPU.
constexpr std::chrono::microseconds awake_after_job{50};
using Clock = std::chrono::steady_clock;

inline void relax() noexcept {
#if defined(FORWARDPASS_X86)
    __builtin_ia32_pause();
#elif defined(FORWARDPASS_NEON)
    __asm__ volatile("isb");  // `yield` does nothing on most cores
#endif
}

// True as soon as `condition` is, false after awake_after_job.
template <class Condition>
bool spin_until(Condition condition) noexcept {
    const auto end = Clock::now() + awake_after_job;
    do {
        for (int i = 0; i < 32; ++i) {
            if (condition()) return true;
            relax();
        }
    } while (Clock::now() < end);
    return condition();
}

// A thread that helps the callers.
struct alignas(64) Worker {
    pthread_t thread;
    HelperCpus cpus;           // where it may run; ThreadPool::sleep_ guards it
    std::atomic<int> cpu{-1};  // where it ran when it last joined a job, or -1
};

class ThreadPool {
public:
    bool run(const Job& job) noexcept;
    int workers() const noexcept { return workers_.load(); }

private:
    // The low half of state_ counts the workers in the job. The high half counts seats: how many more may join.
    static constexpr std::uint32_t seat = 1u << 16, inside_mask = seat - 1;

    void start_workers(int count) noexcept;
    void work(int number) noexcept;
    int join() noexcept;
    void leave() noexcept;
    void sleep(Worker& worker);
    void clear_this_cpu() noexcept;
    Index next_chunk(const Job& job, int thread) noexcept;
    void wait_for_workers() noexcept;
    bool may_join() const noexcept { return state_.load() >= seat; }
    bool is_empty() const noexcept { return (state_.load() & inside_mask) == 0; }

    std::atomic<bool> in_use_{false};  // by the call that runs a job; no mutex, as a signal handler may call
    std::atomic<int> workers_{0};      // changed by that call
    Worker worker_[max_threads];       // from 1 on
    Clock::time_point last_end_{};     // of a job; that call's, too
    const Job* job_ = nullptr;         // valid while there are seats, or workers inside
    ChunkRange ranges_[max_threads];   // of the job's chunks, one for each thread
    alignas(64) std::atomic<std::uint32_t> state_{0};

    std::mutex sleep_;              // for both conditions, and for cpus_
    HelperCpus cpus_;               // of the workers, as the last call that woke them found it
    std::condition_variable wake_;  // of workers: there may be a seat
    std::condition_variable done_;  // of the caller: nobody is inside
    std::atomic<int> sleepers_{0};
    std::atomic<bool> caller_sleeps_{false};
};

// Never destroyed, because its workers sleep in it until the process ends.
std::atomic<ThreadPool*> the_pool{nullptr};
std::atomic<unsigned> forks{0};

// A forked child has none of the threads and cannot know the state of their locks, so it makes a pool of its own.
void forget_pool_in_child() {
    the_pool.store(nullptr);
    forks.fetch_add(1);
}

ThreadPool* pool() noexcept {
    ThreadPool* existing = the_pool.load();
    if (existing != nullptr) return existing;
    static const int registered = pthread_atfork(nullptr, nullptr, forget_pool_in_child);
    if (registered != 0) return nullptr;  // out of memory: a child could not forget the threads
    auto* made = new (std::nothrow) ThreadPool;
    if (made == nullptr) return nullptr;
    if (the_pool.compare_exchange_strong(existing, made)) return made;
    delete made;
    return existing;
}

bool run_alone(const Job& job) noexcept {
    for (Index chunk = 0; chunk < job.chunks; ++chunk) {
        job.run(job.context, chunk, 0);
        if (job.stop(job.stop_context)) return false;
    }
    return true;
}

void ThreadPool::start_workers(int count) noexcept {
    // Workers inherit a mask that blocks all signals, so that the program's own threads handle them.
    sigset_t all, before;
    sigfillset(&all);
    if (workers_.load() >= count || pthread_sigmask(SIG_SETMASK, &all, &before) != 0) return;
    try {
        while (workers_.load() < count) {
            const int number = workers_.load() + 1;
            Worker& worker = worker_[number];
            const std::lock_guard<std::mutex> lock(sleep_);
            std::thread made([this, number] { work(number); });
            worker.thread = made.native_handle();
            // On the caller's CPU it would wait milliseconds, until the caller's time slice ends [log 21].
            if (cpus_.find()) worker.cpus = cpus_, cpus_.confine(worker.thread);
            made.detach();
            workers_.store(number);
        }
    } catch (const std::system_error&) {  // fewer threads, same bits
    } catch (const std::bad_alloc&) {
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// Takes a seat if there is one. Returns this thread's number in the job, or 0 where there was no seat.
int ThreadPool::join() noexcept {
    std::uint32_t state = state_.load();
    while (state >= seat)
        if (state_.compare_exchange_weak(state, state - seat + 1)) return static_cast<int>(state / seat);
    return 0;
}

void ThreadPool::leave() noexcept {
    state_.fetch_and(inside_mask);  // no chunks are left, so nobody else needs to join
    if ((state_.fetch_sub(1) & inside_mask) == 1 && caller_sleeps_.load()) {
        const std::lock_guard<std::mutex> lock(sleep_);
        done_.notify_one();
    }
}

// Returns when woken, even if the job is over by then. A loop may have jobs that are shorter than waking takes, and the
// worker is awake for the next one. When it slept on instead, two threads were no faster than one [log 21].
void ThreadPool::sleep(Worker& worker) {
    std::unique_lock<std::mutex> lock(sleep_);
    sleepers_.fetch_add(1);
    if (!may_join()) wake_.wait(lock);
    sleepers_.fetch_sub(1);
    const HelperCpus next = cpus_;
    const bool moves = next.differs(worker.cpus);
    if (moves) worker.cpus = next;
    lock.unlock();
    if (moves) next.confine(pthread_self());
}

void ThreadPool::work(int number) noexcept {
    Worker& worker = worker_[number];
    for (;;) {
        if (!spin_until([this] { return may_join(); })) sleep(worker);
        const int thread = join();
        if (thread == 0) continue;
        // The caller reads it before every job. Writing it only where it changes leaves it in the caller's cache.
        if (const int here = this_cpu(); worker.cpu.load(std::memory_order_relaxed) != here)
            worker.cpu.store(here, std::memory_order_relaxed);
        const Job& job = *job_;
        for (Index chunk; (chunk = next_chunk(job, number)) >= 0;) job.run(job.context, chunk, thread);
        leave();
    }
}

// Linux now and then moves the calling thread to the CPU where an awake worker is. The two would take turns for some
// milliseconds, and calls would take twice as long [log 21]. So the caller moves the worker away at once.
void ThreadPool::clear_this_cpu() noexcept {
    const int here = this_cpu();
    if (here < 0) return;
    for (int i = 1; i <= workers_.load(); ++i) {
        Worker& worker = worker_[i];
        if (worker.cpu.load(std::memory_order_relaxed) != here) continue;
        const std::lock_guard<std::mutex> lock(sleep_);
        if (!cpus_.find()) return;
        worker.cpu.store(-1, std::memory_order_relaxed);
        if (cpus_.differs(worker.cpus)) worker.cpus = cpus_, cpus_.confine(worker.thread);
    }
}

// The next chunk of the thread's own share, and when that is done, one of another thread's share.
Index ThreadPool::next_chunk(const Job& job, int thread) noexcept {
    for (int i = 0; i < job.threads; ++i)
        if (const Index chunk = ranges_[(thread + i) % job.threads].take(i == 0); chunk >= 0) return chunk;
    return -1;
}

void ThreadPool::wait_for_workers() noexcept {
    state_.fetch_and(inside_mask);  // no seats
    if (spin_until([this] { return is_empty(); })) return;
    std::unique_lock<std::mutex> lock(sleep_);
    caller_sleeps_.store(true);
    done_.wait(lock, [this] { return is_empty(); });
    caller_sleeps_.store(false);
}

bool ThreadPool::run(const Job& job) noexcept {
    if (in_use_.exchange(true)) return run_alone(job);  // other calls keep the CPUs busy
    const bool in_a_loop = Clock::now() - last_end_ < awake_after_job;
    const bool wakes = job.wakes == Wakes::always || (job.wakes == Wakes::in_a_loop && in_a_loop);
    if (wakes) start_workers(job.threads - 1);
    clear_this_cpu();

    const unsigned forks_before = forks.load();
    bool stopped = false;
    job_ = &job;
    for (int t = 0; t < job.threads; ++t)
        ranges_[t].set(static_cast<std::uint32_t>(job.chunks * t / job.threads),
                       static_cast<std::uint32_t>(job.chunks * (t + 1) / job.threads));
    state_.store(static_cast<std::uint32_t>(job.threads - 1) * seat);
    if (wakes && sleepers_.load() > 0) {
        // With the lock: a worker that has just seen no seat, but does not wait yet, would miss the wake-up.
        {
            const std::lock_guard<std::mutex> lock(sleep_);
            cpus_.find();
        }
        for (int i = 1; i < job.threads; ++i) wake_.notify_one();
    }
    for (Index chunk; !stopped && (chunk = next_chunk(job, 0)) >= 0;) {
        job.run(job.context, chunk, 0);
        stopped = job.stop(job.stop_context);
    }
    if (stopped)
        for (int t = 0; t < job.threads; ++t) ranges_[t].set(0, 0);
    if (forks.load() != forks_before) return !stopped && run_alone(job);  // the workers' chunks were lost
    wait_for_workers();
    last_end_ = Clock::now();
    in_use_.store(false);
    return !stopped;
}

}  // namespace

bool run_job(const Job& job) noexcept {
    ThreadPool* const shared = pool();
    return shared != nullptr ? shared->run(job) : run_alone(job);
}

int worker_count() noexcept {
    const ThreadPool* const existing = the_pool.load();
    return existing == nullptr ? 0 : existing->workers();
}

}  // namespace forwardpass
