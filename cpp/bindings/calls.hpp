// What every call into the kernels shares: when to let other Python threads run, and Ctrl-C.
#pragma once

#include "../kernels/contract.hpp"
#include "numpy_api.hpp"

namespace forwardpass {

// Releasing and taking the GIL costs about 40 ns; 2^16 multiplications take over a microsecond.
constexpr Index work_worth_releasing = Index{1} << 16;

// True with the exception set when a signal handler raised, as Ctrl-C does, or the interpreter is about to end.
bool signal_raised();

// While it exists, other Python threads run. Not once the interpreter is ending: a thread that asks for the GIL then is
// ended where it stands, which C++ does not survive.
class Released {
public:
    Released();
    ~Released();
    Released(const Released&) = delete;
    Released& operator=(const Released&) = delete;

private:
    PyThreadState* state_;
};

// At the interpreter's end, waits for the calls of daemon threads.
void register_exit(pybind11::module_& module);

// Runs `compute`, a function that touches no Python object and returns false when interrupted,
// without the GIL if `work` multiplications make that worth its cost.
template <class Compute>
void run_released(Index work, Compute compute) {
    bool completed;
    if (work >= work_worth_releasing) {
        const Released released;
        completed = compute();
    } else {
        completed = compute();
    }
    if (!completed) throw pybind11::error_already_set();
}

}  // namespace forwardpass
