#include "calls.hpp"

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace forwardpass {
namespace {

namespace py = pybind11;

enum class Interpreter { runs, is_about_to_end, ends };

std::atomic<Interpreter> interpreter{Interpreter::runs};  // written with the GIL
std::atomic<int> released{0};                             // calls of all threads; likewise
thread_local int released_here = 0;                       // more than one where a signal handler calls

void end_calls() {
    interpreter.store(Interpreter::is_about_to_end);
    const py::gil_scoped_release others_run;
    while (released.load() > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    interpreter.store(Interpreter::ends);
}

// The child has this thread alone.
void forget_other_threads() { released.store(released_here); }

}  // namespace

bool signal_raised() {
    const PyGILState_STATE state = PyGILState_Ensure();
    bool raised = PyErr_CheckSignals() != 0;
    if (!raised && interpreter.load() == Interpreter::is_about_to_end) {
        PyErr_SetNone(PyExc_SystemExit);  // which ends a thread without a word
        raised = true;
    }
    PyGILState_Release(state);
    return raised;
}

Released::Released() : state_(nullptr) {
    if (interpreter.load() != Interpreter::runs) return;
    released.fetch_add(1);
    ++released_here;
    state_ = PyEval_SaveThread();
}

Released::~Released() {
    if (state_ == nullptr) return;
    PyEval_RestoreThread(state_);
    --released_here;
    released.fetch_sub(1);
}

void register_exit(py::module_& module) {
    pthread_atfork(nullptr, nullptr, forget_other_threads);
    py::module_::import("atexit").attr("register")(py::cpp_function(end_calls, py::scope(module)));
}

}  // namespace forwardpass
