#include "bindings/gil.hpp"

#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <new>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace forwardpass {
namespace {

namespace py = pybind11;

// The GIL guards all three.
bool ends = false;
int inside = 0;                    // calls of all threads
thread_local int inside_here = 0;  // of this one: more than one where a signal handler calls

void enter() noexcept {
    ++inside;
    ++inside_here;
}

void leave() noexcept {
    --inside;
    --inside_here;
}

void wait_for_calls() {
    ends = true;
    while (inside > inside_here) {
        const py::gil_scoped_release others_run;
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
}

// A forked child has this thread only, so no other thread is inside a call.
void forget_other_threads() { inside = inside_here; }

bool is_daemon() noexcept {
    try {
        return py::module_::import("threading").attr("current_thread")().attr("daemon").cast<bool>();
    } catch (...) {
        return false;
    }
}

}  // namespace

bool signal_raised() {
    const PyGILState_STATE state = PyGILState_Ensure();
    const bool raised = PyErr_CheckSignals() != 0;
    PyGILState_Release(state);
    return raised;
}

Inside::Inside() noexcept : counted_(!ends) {
    if (counted_) enter();
    if (counted_ || !is_daemon()) return;  // an exit handler's thread, or one that the exit waits for
    PyEval_SaveThread();
    for (;;) pause();
}

Inside::~Inside() {
    if (counted_) leave();
}

Released::Released() noexcept : state_(nullptr) {
    if (ends) return;
    enter();
    state_ = PyEval_SaveThread();
}

Released::~Released() {
    if (state_ == nullptr) return;
    PyEval_RestoreThread(state_);
    leave();
}

void register_exit(py::module_& module) {
    if (const int error = pthread_atfork(nullptr, nullptr, forget_other_threads); error != 0)
        throw std::system_error(error, std::generic_category(), "pthread_atfork");
    py::module_::import("atexit").attr("register")(py::cpp_function(wait_for_calls, py::scope(module)));
}

void set_python_error() noexcept {
    try {
        throw;
    } catch (py::error_already_set& error) {
        error.restore();
    } catch (const py::builtin_exception& error) {
        error.set_error();
    } catch (const std::bad_alloc&) {
        PyErr_NoMemory();
    } catch (const std::length_error& error) {
        PyErr_SetString(PyExc_ValueError, error.what());
    } catch (const std::exception& error) {
        PyErr_SetString(PyExc_RuntimeError, error.what());
    }
}

}  // namespace forwardpass
