#include "thread_pool.hpp"

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

namespace forwardpass {
namespace {

// How long a worker stays awake after a job: a loop of calls then finds it there, 0.2 us away, and an
// idle process uses no CPU.
constexpr std::chrono::microseconds awake_after_job{50};

inline void relax() noexcept {
#if defined(FORWARDPASS_X86)
    __builtin_ia32_pause();
#elif defined(FORWARDPASS_NEON)
    __asm__ volatile("isb");  // longer than `yield`, which most cores take for nothing
#endif
}

// True as soon as `condition` is, false after awake_after_job.
template <class Condition>
bool spin_until(Condition condition) noexcept {
    const auto end = std::chrono::steady_clock::now() + awake_after_job;
    do {
        for (int i = 0; i < 32; ++i) {
            if (condition()) return true;
            relax();
        }
    } while (std::chrono::steady_clock::now() < end);
    return condition();
}

class ThreadPool {
public:
    bool run(const Job& job) noexcept;
    int workers() const noexcept { return workers_.load(); }

private:
    // state_: the workers inside the job in the low half, the seats left for more in the high half.
    static constexpr std::uint32_t seat = 1u << 16, inside_mask = seat - 1;

    void start_workers(int count) noexcept;
    void work() noexcept;
    bool join() noexcept;
    void leave() noexcept;
    void sleep();
    void take_chunks(const Job& job, int thread) noexcept;
    void wait_for_workers() noexcept;
    bool may_join() const noexcept { return state_.load() >= seat; }
    bool is_empty() const noexcept { return (state_.load() & inside_mask) == 0; }

    std::atomic<bool> in_use_{false};  // by the call whose job this is; no mutex, as a signal handler may call
    std::atomic<int> workers_{0};      // changed by that call
    const Job* job_ = nullptr;         // valid while there are seats, or workers inside
    std::atomic<Index> next_{0};       // the first chunk that nobody has taken
    std::atomic<int> number_{0};       // of the last thread that joined
    alignas(64) std::atomic<std::uint32_t> state_{0};

    std::mutex sleep_;              // for both conditions
    std::condition_variable wake_;  // of workers: there may be a seat
    std::condition_variable done_;  // of the caller: nobody is inside
    std::atomic<int> sleepers_{0};
    std::atomic<bool> caller_sleeps_{false};
};

// Never destroyed: its workers sleep in it until the process ends.
std::atomic<ThreadPool*> the_pool{nullptr};
std::atomic<unsigned> forks{0};

// The child has none of the threads, and cannot know the state of their locks.
void forget_pool_in_child() {
    the_pool.store(nullptr);
    forks.fetch_add(1);
}

ThreadPool* pool() noexcept {
    ThreadPool* existing = the_pool.load();
    if (existing != nullptr) return existing;
    static const int registered = pthread_atfork(nullptr, nullptr, forget_pool_in_child);
    if (registered != 0) return nullptr;  // out of memory: threads could not be forgotten
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
    // Signals are the business of the threads that were there before.
    sigset_t all, before;
    sigfillset(&all);
    if (workers_.load() >= count || pthread_sigmask(SIG_SETMASK, &all, &before) != 0) return;
    try {
        while (workers_.load() < count) {
            std::thread([this] { work(); }).detach();
            workers_.fetch_add(1);
        }
    } catch (const std::system_error&) {  // fewer threads, same bits
    } catch (const std::bad_alloc&) {
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

// Takes a seat if there is one.
bool ThreadPool::join() noexcept {
    std::uint32_t state = state_.load();
    while (state >= seat)
        if (state_.compare_exchange_weak(state, state - seat + 1)) return true;
    return false;
}

void ThreadPool::leave() noexcept {
    state_.fetch_and(inside_mask);  // it left because no chunks are left: nobody else need come
    if ((state_.fetch_sub(1) & inside_mask) == 1 && caller_sleeps_.load()) {
        const std::lock_guard<std::mutex> lock(sleep_);
        done_.notify_one();
    }
}

void ThreadPool::sleep() {
    std::unique_lock<std::mutex> lock(sleep_);
    sleepers_.fetch_add(1);
    wake_.wait(lock, [this] { return may_join(); });
    sleepers_.fetch_sub(1);
}

void ThreadPool::work() noexcept {
    for (;;) {
        if (!spin_until([this] { return may_join(); })) sleep();
        if (!join()) continue;
        take_chunks(*job_, number_.fetch_add(1) + 1);
        leave();
    }
}

void ThreadPool::take_chunks(const Job& job, int thread) noexcept {
    for (Index chunk; (chunk = next_.fetch_add(1)) < job.chunks;) {
        job.run(job.context, chunk, thread);
    }
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
    start_workers(job.threads - 1);

    const unsigned forks_before = forks.load();
    bool stopped = false;
    job_ = &job;
    next_.store(0);
    number_.store(0);
    state_.store(static_cast<std::uint32_t>(job.threads - 1) * seat);
    if (job.wakes && sleepers_.load() > 0) {
        // Through the lock, or a worker that has just looked would miss it.
        {
            const std::lock_guard<std::mutex> lock(sleep_);
        }
        for (int i = 1; i < job.threads; ++i) wake_.notify_one();
    }
    for (Index chunk; !stopped && (chunk = next_.fetch_add(1)) < job.chunks;) {
        job.run(job.context, chunk, 0);
        stopped = job.stop(job.stop_context);
    }
    if (stopped) next_.store(job.chunks);
    if (forks.load() != forks_before) return !stopped && run_alone(job);  // the workers' chunks were lost
    wait_for_workers();
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
