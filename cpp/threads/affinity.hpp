// The CPUs that a thread may run on.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <cstddef>

namespace forwardpass {

#if defined(__linux__)
inline int this_cpu() noexcept { return sched_getcpu(); }

// Where a call's helpers may run: anywhere its own thread may, but not on that one's CPU. Left to itself Linux wakes a
// thread beside the one that wakes it, where the two take turns until it is moved, some calls or milliseconds later.
// For so long two threads take twice the time of one [log 21].
class HelperCpus {
public:
    // Of the calling thread's helpers, now; false where there is no CPU but its own, or where Linux does not say.
    bool find() noexcept {
        known_ = sched_getaffinity(0, sizeof cpus_, &cpus_) == 0;  // fails beyond 1024 CPUs
        const int here = this_cpu();
        if (!known_ || here < 0 || CPU_COUNT(&cpus_) < 2) return false;
        CPU_CLR(static_cast<std::size_t>(here), &cpus_);
        return true;
    }
    // Whether a thread that was moved to `last` is to be moved.
    bool differs(const HelperCpus& last) const noexcept {
        return known_ && !(last.known_ && CPU_EQUAL(&cpus_, &last.cpus_));
    }
    void confine(pthread_t thread) const noexcept { pthread_setaffinity_np(thread, sizeof cpus_, &cpus_); }

private:
    cpu_set_t cpus_;
    bool known_ = false;
};
#else
inline int this_cpu() noexcept { return -1; }

class HelperCpus {
public:
    bool find() noexcept { return false; }
    bool differs(const HelperCpus&) const noexcept { return false; }
    void confine(pthread_t) const noexcept {}
};
#endif

}  // namespace forwardpass
