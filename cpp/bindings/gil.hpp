// What every call into the kernels shares: when to let other Python threads run, and Ctrl-C.
#pragma once

#include "bindings/numpy_api.hpp"
#include "kernels/contract.hpp"

namespace forwardpass {

// Handing the GIL over takes as long as a tiny network. So many multiplications take half a microsecond at the FMA peak
// of [log 1], and other threads can use so long a time.
constexpr Index work_worth_releasing = Index{1} << 16;

// True with the exception set when a signal handler raised, as Ctrl-C does.
bool signal_raised();

// A thread that asks for the GIL once the interpreter has ended is ended where it stands, which C++ frames do not
// survive. So at its exit the interpreter waits for the calls that are inside then. Those that begin later keep the
// GIL, and daemon threads sleep for good where a call would run Python code or NumPy's conversions, which do not.

// A call that may run such code. With the GIL.
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

// The C++ exception that is being handled, as the Python exception that pybind11 would make of it.
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
