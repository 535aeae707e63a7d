// Thread counts as Python gives them.
#pragma once

#include "numpy_api.hpp"

namespace forwardpass {

// An integer from 1 up, as int (at most max_threads). Throws TypeError or ValueError.
int checked_thread_count(pybind11::handle value);

// The same, or 0 for None.
inline int thread_count_or_none(pybind11::handle value) { return value.is_none() ? 0 : checked_thread_count(value); }

}  // namespace forwardpass
