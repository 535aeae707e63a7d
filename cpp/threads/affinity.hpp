// The CPUs that a thread may run on.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <cstddef>

namespace forwardpass {

#if defined(__linux__)
inline int this_cpu() noexcept { return sched_getcpu(); }

// Where a call's helpers may run: wherever the calling thread may, except on its CPU. Linux often wakes a thread on the
// CPU of the thread that wakes it. There the two take turns until Linux moves one, some calls or milliseconds later.
// Until then two threads take twice the time of one [log 21].
class HelperCpus {
public:
    // Finds the CPUs for helpers of the calling thread. False where it has one CPU only, or where Linux does not say.
    bool find() noexcept {
        known_ = sched_getaffinity(0, sizeof cpus_, &cpus_) == 0;  // fails beyond 1024 CPUs
        const int here = this_cpu();
        if (!known_ || here < 0 || CPU_COUNT(&cpus_) < 2) return false;
        CPU_CLR(static_cast<std::size_t>(here), &cpus_);
        return true;
    }
    // Whether a thread that may run on `last` must be given these CPUs.
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
