// Thread counts as Python gives them.
#pragma once

#include "bindings/numpy_api.hpp"
#include "kernels/contract.hpp"

namespace forwardpass {

// An integer from 1 up, as int (at most max_threads). Throws TypeError or ValueError.
int checked_thread_count(pybind11::handle value);

// The same, or 0 for None.
inline int thread_count_or_none(pybind11::handle value) { return value.is_none() ? 0 : checked_thread_count(value); }

// What a call that asks for `threads` of them may use: where that is 0, the number of the innermost `with` block around
// it, or 0 for none. A call of too little shared_work() (threads/policy.hpp) does not ask. With the GIL.
int threads_of_call(int threads, Index work);

}  // namespace forwardpass
