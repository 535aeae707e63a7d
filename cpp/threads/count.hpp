// How many threads a call may use. Order of say: the call's own argument, a `with` block around it
// (bindings/threads.cpp), the process's setting, the environment, the machine.
#pragma once

namespace forwardpass {

// More are taken for as many: a pool is made for the CPUs of one machine.
constexpr int max_threads = 256;

// What a call without an argument of its own uses.
int thread_count() noexcept;

// Of the process; 0 goes back to the environment or the machine.
void set_thread_count(int count) noexcept;

// FORWARDPASS_NUM_THREADS, else OMP_NUM_THREADS (the one that joblib, Ray and Dask set), else the
// smaller of the affinity mask and the control group's quota. Reads them anew. Throws
// std::invalid_argument for a FORWARDPASS_NUM_THREADS that is no positive number.
int default_thread_count();

}  // namespace forwardpass
