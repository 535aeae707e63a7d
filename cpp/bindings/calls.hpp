// What every call into the kernels shares: when to let other Python threads run, and Ctrl-C.
#pragma once

#include "../kernels/contract.hpp"
#include "numpy_api.hpp"

namespace forwardpass {

// Releasing and taking the GIL costs about 40 ns; 2^16 multiplications take over a microsecond.
constexpr Index work_worth_releasing = Index{1} << 16;

// True with the exception set when a signal handler raised, as Ctrl-C does.
inline bool signal_raised() {
    const PyGILState_STATE state = PyGILState_Ensure();
    const bool raised = PyErr_CheckSignals() != 0;
    PyGILState_Release(state);
    return raised;
}

// Runs `compute`, a function that touches no Python object and returns false when interrupted,
// without the GIL if `work` multiplications make that worth its cost.
template <class Compute>
void run_released(Index work, Compute compute) {
    bool completed;
    if (work >= work_worth_releasing) {
        const pybind11::gil_scoped_release release;
        completed = compute();
    } else {
        completed = compute();
    }
    if (!completed) throw pybind11::error_already_set();
}

}  // namespace forwardpass
