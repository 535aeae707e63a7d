// The CPUs that a thread may run on.
#pragma once

#include <pthread.h>
#include <sched.h>

#include <cstddef>

namespace forwardpass {

// Where a call's helpers may run: anywhere its own thread may, but not on that one's CPU. Left to itself Linux wakes a
// thread beside the one that wakes it, where the two take turns until it is moved, some calls or milliseconds later:
// one row of 1024 x 1024 took 107 us for so long, on two threads, and 49 on one.
#if defined(__linux__)
inline int this_cpu() noexcept { return sched_getcpu(); }

class Place {
public:
    // Of the calling thread, now.
    void find() noexcept {
        known_ = sched_getaffinity(0, sizeof cpus_, &cpus_) == 0;  // fails beyond 1024 CPUs
        const int here = this_cpu();
        if (known_ && here >= 0 && CPU_COUNT(&cpus_) > 1) CPU_CLR(static_cast<std::size_t>(here), &cpus_);
    }
    // Moves a thread there, unless `last` says that it is there already.
    void take(pthread_t thread, Place& last) const noexcept {
        if (!known_ || (last.known_ && CPU_EQUAL(&cpus_, &last.cpus_))) return;
        last = *this;
        pthread_setaffinity_np(thread, sizeof cpus_, &cpus_);
    }

private:
    cpu_set_t cpus_;
    bool known_ = false;
};
#else
inline int this_cpu() noexcept { return -1; }

class Place {
public:
    void find() noexcept {}
    void take(pthread_t, Place&) const noexcept {}
};
#endif

}  // namespace forwardpass
