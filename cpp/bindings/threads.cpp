#include "bindings/threads.hpp"

#include <algorithm>
#include <string>

#include "bindings/fast_function.hpp"
#include "bindings/register.hpp"
#include "threads/count.hpp"
#include "threads/policy.hpp"
#include "threads/pool.hpp"

// threadpoolctl finds the library by these symbols: see python/forwardpass/threads.py.
extern "C" {
__attribute__((visibility("default"))) int forwardpass_get_num_threads() { return forwardpass::thread_count(); }
__attribute__((visibility("default"))) void forwardpass_set_num_threads(int count) {
    forwardpass::set_thread_count(count);
}
}

namespace forwardpass {

namespace py = pybind11;

namespace {

// A contextvars.ContextVar, so that coroutines do not see each other's `with` blocks. Its value is a tuple of the
// blocks around the context, innermost last. Each is a list of one number, which is 0 after the block has ended
// anywhere.
PyObject* blocks = nullptr;

int count_of_block() {
    PyObject* value = nullptr;
    if (PyContextVar_Get(blocks, nullptr, &value) < 0) throw py::error_already_set();
    const auto counts = py::reinterpret_steal<py::object>(value);
    for (Py_ssize_t i = counts ? PyTuple_GET_SIZE(counts.ptr()) : 0; i-- > 0;)
        if (const long count = PyLong_AsLong(PyList_GET_ITEM(PyTuple_GET_ITEM(counts.ptr(), i), 0)); count > 0)
            return static_cast<int>(count);
    return 0;
}

py::object get_num_threads() {
    const int count = count_of_block();
    return py::int_(count > 0 ? count : thread_count());
}

py::object set_num_threads(const py::object& num_threads) {
    set_thread_count(thread_count_or_none(num_threads));
    return py::none();
}

}  // namespace

int threads_of_call(int threads, Index work) {
    return threads > 0 || work < work_worth_sharing ? threads : count_of_block();
}

int checked_thread_count(py::handle value) {
    PyObject* const index = PyBool_Check(value.ptr()) ? nullptr : PyNumber_Index(value.ptr());
    if (index == nullptr) {
        PyErr_Clear();
        throw py::type_error(std::string("num_threads: expected an integer, got ") + Py_TYPE(value.ptr())->tp_name);
    }
    int overflow = 0;
    const long long count = PyLong_AsLongLongAndOverflow(index, &overflow);
    Py_DECREF(index);
    if (overflow < 0 || (overflow == 0 && count < 1))
        throw py::value_error("num_threads: expected at least 1, got " + py::str(value).cast<std::string>());
    return overflow > 0 ? max_threads : static_cast<int>(std::min<long long>(count, max_threads));
}

void register_threads(py::module_& module) {
    default_thread_count();  // a bad FORWARDPASS_NUM_THREADS fails the import, not the first call
    module.attr("MAX_THREADS") = max_threads;
    blocks = PyContextVar_New("forwardpass.num_threads", nullptr);
    if (blocks == nullptr) throw py::error_already_set();
    module.attr("NUM_THREADS_BLOCKS") = py::handle(blocks);
    FastFunction<&get_num_threads>::define(module, "get_num_threads", {}, 0, 0, R"(How many threads a call may use here.

Returns
-------
int

Notes
-----
In this order: ``with num_threads(n)``, ``set_num_threads(n)``, the environment variables
``FORWARDPASS_NUM_THREADS`` and ``OMP_NUM_THREADS``, and else the smaller of the CPUs that this process may run on
and its control group's quota, as they are when they are first needed. The argument ``num_threads`` of a call comes
before all of them.

Examples
--------
>>> import forwardpass as fp
>>> fp.get_num_threads() >= 1
True
)");
    FastFunction<&set_num_threads>::define(module, "set_num_threads", {"num_threads"}, 1, 1,
                                           R"(How many threads calls from this process may use from now on.

The result's bits never depend on it. No thread is started before a call is large enough to share.

Parameters
----------
num_threads : int or None
    From 1 up; 256 and more count as 256. None goes back to the environment or the machine, and looks at them again.

Raises
------
TypeError
    No integer.
ValueError
    Less than 1.

Examples
--------
>>> import forwardpass as fp
>>> fp.set_num_threads(2)
>>> fp.get_num_threads()
2
>>> fp.set_num_threads(None)
)");
    module.def("checked_num_threads", &checked_thread_count, py::arg("num_threads"),
               "An integer from 1 up, at most MAX_THREADS. Raises TypeError or ValueError.");
    module.def("worker_count", &worker_count, "Threads that were started to help with calls, and exist now.");
}

}  // namespace forwardpass
