// Checks thread counts that Python gives, and finds that of a call.
#pragma once

#include "bindings/numpy_api.hpp"
#include "kernels/contract.hpp"

namespace forwardpass {

// An integer from 1 up, as int (at most max_threads). Throws TypeError or ValueError.
int checked_thread_count(pybind11::handle value);

// The same, or 0 for None.
inline int thread_count_or_none(pybind11::handle value) { return value.is_none() ? 0 : checked_thread_count(value); }

// How many threads a call with the argument `threads` may use. For 0 it is the number of the innermost `with` block
// around the call, or 0 without one. It does not look where shared_work() (threads/policy.hpp) is too little. Needs the
// GIL.
int threads_of_call(int threads, Index work);

}  // namespace forwardpass
