#include "bindings/dtypes.hpp"

#include <vector>

#include "bindings/copied_context.hpp"
#include "machine/float_environment.hpp"

namespace forwardpass {
namespace {

// While it exists, NumPy reports no overflow of a cast.
class QuietCasts {
public:
    QuietCasts() : errstate_(py::module_::import("numpy").attr("errstate")(py::arg("all") = "ignore")) {
        errstate_.attr("__enter__")();
    }
    ~QuietCasts() {
        const py::error_scope kept;
        if (!finished_ && !end()) PyErr_Clear();
    }
    QuietCasts(const QuietCasts&) = delete;
    QuietCasts& operator=(const QuietCasts&) = delete;

    // Call it after the cast: it throws where an interrupt came while the setting was put back.
    void finish() {
        finished_ = true;
        if (!end()) throw py::error_already_set();
    }

private:
    // NumPy 1 keeps the setting in the thread, so it must be put back. NumPy 2 keeps it in the context, which ends.
    bool end() noexcept {
        if (PyArray_RUNTIME_VERSION >= NPY_2_0_API_VERSION) return true;
        PyObject* const done = PyObject_CallMethod(errstate_.ptr(), "__exit__", "OOO", Py_None, Py_None, Py_None);
        Py_XDECREF(done);
        return done != nullptr;
    }
    const CopiedContext context_{};
    py::object errstate_;
    bool finished_ = false;
};

}  // namespace

std::string dtype_text(PyArrayObject* array) {
    return py::str(py::handle(reinterpret_cast<PyObject*>(PyArray_DESCR(array)))).cast<std::string>();
}

int common_type(std::initializer_list<Named> arrays) {
    std::vector<PyArrayObject*> all;
    all.reserve(arrays.size());
    bool alike = true;
    for (const Named& named : arrays) {
        if (!named.array) continue;
        PyArrayObject* array = as_array(named.array);
        const int type = PyArray_TYPE(array);
        if (!(PyTypeNum_ISBOOL(type) || PyTypeNum_ISINTEGER(type) || type == NPY_HALF || type == NPY_FLOAT ||
              type == NPY_DOUBLE))
            throw py::type_error(std::string(named.name) +
                                 ": expected float32, float64, float16, integers or bool, got dtype " +
                                 dtype_text(array));
        all.push_back(array);
        alike = alike && type == PyArray_TYPE(all.front());
    }
    int type = PyArray_TYPE(all.front());
    if (!alike) {
        const py::object promoted = steal(
            reinterpret_cast<PyObject*>(PyArray_ResultType(static_cast<npy_intp>(all.size()), all.data(), 0, nullptr)));
        type = reinterpret_cast<PyArray_Descr*>(promoted.ptr())->type_num;
    }
    return type == NPY_HALF || type == NPY_FLOAT ? NPY_FLOAT : NPY_DOUBLE;
}

py::object to_type(const py::object& array, int type, const char* name) {
    if (is_plain(as_array(array), type)) return array;
    PyArray_Descr* descr = PyArray_DescrFromType(type);
    const py::object keep = steal(reinterpret_cast<PyObject*>(descr));
    if (!PyArray_CanCastArrayTo(as_array(array), descr, NPY_SAME_KIND_CASTING))
        throw py::type_error(std::string(name) + ": dtype " + dtype_text(as_array(array)) + " cannot be converted to " +
                             dtype_name(type) + " by NumPy's same_kind rule");
    QuietCasts quiet;                            // an overflow to infinity in this conversion is a value like any other
    const StandardFloatEnvironment environment;  // or the caller's rounding mode would choose the bits
    Py_INCREF(descr);                            // PyArray_FromArray steals it
    py::object converted = steal(PyArray_FromArray(as_array(array), descr, NPY_ARRAY_CARRAY_RO | NPY_ARRAY_FORCECAST));
    quiet.finish();
    return converted;
}

}  // namespace forwardpass
