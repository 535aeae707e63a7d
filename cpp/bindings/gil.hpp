// What every call into the kernels shares: when to let other Python threads run, and Ctrl-C.
#pragma once

#include "bindings/numpy_api.hpp"
#include "kernels/contract.hpp"

namespace forwardpass {

// Handing the GIL over takes as long as a tiny network. So many multiplications take half a microsecond at the FMA peak
// of [log 1], which is long enough for other threads to use.
constexpr Index work_worth_releasing = Index{1} << 16;

// True with the exception set when a signal handler raised, as Ctrl-C does.
bool signal_raised();

// After the interpreter has ended, it kills any thread that asks for the GIL, and C++ frames do not survive that. So at
// its exit the interpreter waits for the calls that have begun. Calls that begin later keep the GIL. Python code and
// NumPy's conversions would give it up, so a daemon thread that would run them sleeps for good instead.

// Stands in every call that may run such code. Needs the GIL.
class Inside {
public:
    Inside() noexcept;
    ~Inside();
    Inside(const Inside&) = delete;
    Inside& operator=(const Inside&) = delete;

private:
    bool counted_;
};

// While it exists, other Python threads run.
class Released {
public:
    Released() noexcept;
    ~Released();
    Released(const Released&) = delete;
    Released& operator=(const Released&) = delete;

private:
    PyThreadState* state_;
};

void register_exit(pybind11::module_& module);

// Sets the Python exception that pybind11 would make of the C++ exception that is being handled.
void set_python_error() noexcept;

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
