// How many threads a call may use. The first of these that says a number decides: the call's argument, a `with` block
// around it (bindings/threads.cpp), the process's setting, the environment, the machine.
#pragma once

namespace forwardpass {

// A larger number counts as this one: a pool serves the CPUs of one machine.
constexpr int max_threads = 256;

// The number for a call without an argument of its own.
int thread_count() noexcept;

// Sets the number for the process. 0 goes back to what the environment or the machine says.
void set_thread_count(int count) noexcept;

// FORWARDPASS_NUM_THREADS if it is set. If not, OMP_NUM_THREADS, which joblib, Ray and Dask set. If neither is set, the
// smaller of the affinity mask and the control group's quota. Reads all of them anew. Throws std::invalid_argument for
// a FORWARDPASS_NUM_THREADS that is not a positive number.
int default_thread_count();

}  // namespace forwardpass
