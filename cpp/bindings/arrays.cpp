#define FORWARDPASS_IMPORTS_NUMPY
#include "arrays.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "../float_environment.hpp"

namespace forwardpass {
namespace {

py::object steal(PyObject* object) {
    if (object == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(object);
}

py::object steal(PyArrayObject* array) { return steal(reinterpret_cast<PyObject*>(array)); }

std::string dtype_text(PyArrayObject* array) {
    return py::str(py::handle(reinterpret_cast<PyObject*>(PyArray_DESCR(array)))).cast<std::string>();
}

bool is_masked_array(py::handle value) {
    // Whoever holds one has imported numpy.ma.
    const py::object modules = py::module_::import("sys").attr("modules");
    const py::object ma = modules.attr("get")("numpy.ma");
    return !ma.is_none() && py::isinstance(value, ma.attr("MaskedArray"));
}

// Of DLPack's device types, those whose memory the CPU reads: 1 is the CPU, 3 is pinned host memory.
bool is_on_another_device(py::handle value) {
    const int device = value.attr("__dlpack_device__")().cast<py::tuple>()[0].cast<int>();
    return device != 1 && device != 3;
}

// With the argument's name, which whoever raised it does not know; not what is about no argument.
[[noreturn]] void throw_named(py::error_already_set& error, PyObject* type, const char* name) {
    if (!error.matches(PyExc_Exception) || error.matches(PyExc_MemoryError)) throw error;
    py::raise_from(error, type, (std::string(name) + ": " + py::str(error.value()).cast<std::string>()).c_str());
    throw py::error_already_set();
}

bool is_plain(PyArrayObject* array, int type) { return PyArray_TYPE(array) == type && PyArray_ISBEHAVED_RO(array); }

bool has_adjacent_elements(PyArrayObject* array) {
    const int last = PyArray_NDIM(array) - 1;
    return last < 0 || PyArray_DIM(array, last) <= 1 || PyArray_STRIDE(array, last) == PyArray_ITEMSIZE(array);
}

// The first byte and one past the last one that an array's elements touch.
std::pair<const char*, const char*> extent(PyArrayObject* array) {
    const char* low = PyArray_BYTES(array);
    const char* high = low + PyArray_ITEMSIZE(array);
    for (int d = 0; d < PyArray_NDIM(array); ++d) {
        if (PyArray_DIM(array, d) == 0) return {low, low};
        const npy_intp reach = (PyArray_DIM(array, d) - 1) * PyArray_STRIDE(array, d);
        (reach < 0 ? low : high) += reach;
    }
    return {low, high};
}

bool may_overlap(PyArrayObject* a, PyArrayObject* b) {
    const auto [a_low, a_high] = extent(a);
    const auto [b_low, b_high] = extent(b);
    return a_low < b_high && b_low < a_high;
}

}  // namespace

void import_numpy() {
    if (_import_array() < 0) throw py::error_already_set();
}

std::string shape_text(int ndim, const npy_intp* shape) {
    std::string text = "(";
    for (int d = 0; d < ndim; ++d) text += (d ? ", " : "") + std::to_string(shape[d]);
    return text + (ndim == 1 ? ",)" : ")");
}

std::string shape_text(PyArrayObject* array) { return shape_text(PyArray_NDIM(array), PyArray_DIMS(array)); }

py::object to_ndarray(py::handle value, const char* name) {
    if (PyArray_CheckExact(value.ptr())) return py::reinterpret_borrow<py::object>(value);
    if (is_masked_array(value))
        throw py::type_error(std::string(name) + ": masked arrays are not supported; fill it first (numpy.ma.filled)");
    if (PyArray_Check(value.ptr())) return py::reinterpret_borrow<py::object>(value);
    try {
        if (py::hasattr(value, "__dlpack_device__")) {
            if (is_on_another_device(value))
                throw py::type_error(std::string(name) + ": the tensor is on another device; copy it to the CPU first");
            if (!py::hasattr(value, "__array__")) return py::module_::import("numpy").attr("from_dlpack")(value);
        }
    } catch (py::error_already_set& error) {
        throw_named(error, PyExc_TypeError, name);
    }
    PyObject* const array = PyArray_FROM_O(value.ptr());
    if (array == nullptr && PyErr_ExceptionMatches(PyExc_ValueError)) {  // rows that are not as long as each other
        py::error_already_set error;
        throw_named(error, PyExc_ValueError, name);
    }
    py::object made = steal(array);
    if (PyArray_NDIM(as_array(made)) == 0 && !PyArray_ISNUMBER(as_array(made)))  // what NumPy takes for one object
        throw py::type_error(std::string(name) + ": expected an array of numbers, got " +
                             Py_TYPE(value.ptr())->tp_name);
    return made;
}

int common_type(std::initializer_list<Named> arrays) {
    std::vector<PyArrayObject*> all;
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
    }
    const py::object promoted = steal(
        reinterpret_cast<PyObject*>(PyArray_ResultType(static_cast<npy_intp>(all.size()), all.data(), 0, nullptr)));
    const int type = reinterpret_cast<PyArray_Descr*>(promoted.ptr())->type_num;
    return type == NPY_HALF || type == NPY_FLOAT ? NPY_FLOAT : NPY_DOUBLE;
}

py::object to_type(const py::object& array, int type, const char* name) {
    if (is_plain(as_array(array), type)) return array;
    PyArray_Descr* descr = PyArray_DescrFromType(type);
    const py::object keep = steal(reinterpret_cast<PyObject*>(descr));
    if (!PyArray_CanCastArrayTo(as_array(array), descr, NPY_SAME_KIND_CASTING))
        throw py::type_error(std::string(name) + ": dtype " + dtype_text(as_array(array)) + " cannot be converted to " +
                             (type == NPY_FLOAT ? "float32" : "float64") + " by NumPy's same_kind rule");
    // An overflow to infinity in this conversion is a value like any other, not a warning.
    const py::object quiet = py::module_::import("numpy").attr("errstate")(py::arg("all") = "ignore");
    quiet.attr("__enter__")();
    Py_INCREF(descr);  // PyArray_FromArray steals it
    PyObject* converted;
    {
        const StandardFloatEnvironment environment;  // or the caller's rounding mode would choose the bits
        converted = PyArray_FromArray(as_array(array), descr, NPY_ARRAY_CARRAY_RO | NPY_ARRAY_FORCECAST);
    }
    py::object result = converted ? py::reinterpret_steal<py::object>(converted) : py::object();
    if (!result) {
        const py::error_already_set error;
        quiet.attr("__exit__")(py::none(), py::none(), py::none());
        throw error;
    }
    quiet.attr("__exit__")(py::none(), py::none(), py::none());
    return result;
}

py::object adjacent(const py::object& array) {
    if (has_adjacent_elements(as_array(array))) return array;
    return steal(PyArray_GETCONTIGUOUS(as_array(array)));
}

Rows as_rows(py::object array) {
    PyArrayObject* a = as_array(array);
    const int ndim = PyArray_NDIM(a);
    if (!has_adjacent_elements(a) || (ndim > 2 && !PyArray_IS_C_CONTIGUOUS(a))) {
        array = steal(PyArray_GETCONTIGUOUS(a));
        a = as_array(array);
    }
    const Index width = ndim == 0 ? 1 : PyArray_DIM(a, ndim - 1);
    Index rows = 1;
    for (int d = 0; d + 1 < ndim; ++d) rows *= PyArray_DIM(a, d);
    const Index row_stride = ndim == 2 && rows > 1 ? PyArray_STRIDE(a, 0) / PyArray_ITEMSIZE(a) : width;
    return {std::move(array), PyArray_DATA(a), rows, width, row_stride};
}

Destination::Destination(PyObject* out, int ndim, const npy_intp* shape, int type) {
    if (out == nullptr || out == Py_None) {
        result_ = written_ = steal(PyArray_SimpleNew(ndim, shape, type));
        return;
    }
    if (!PyArray_CheckExact(out) && (!PyArray_Check(out) || is_masked_array(out)))
        throw py::type_error(std::string("out: expected a numpy.ndarray, got ") + Py_TYPE(out)->tp_name);
    auto* array = reinterpret_cast<PyArrayObject*>(out);
    if (PyArray_TYPE(array) != type || !PyArray_ISNOTSWAPPED(array))
        throw py::type_error(std::string("out: expected dtype ") + (type == NPY_FLOAT ? "float32" : "float64") +
                             " in native byte order, got " + dtype_text(array));
    if (PyArray_NDIM(array) != ndim || !std::equal(shape, shape + ndim, PyArray_DIMS(array)))
        throw py::value_error("out: expected shape " + shape_text(ndim, shape) + ", got " + shape_text(array));
    if (!PyArray_ISWRITEABLE(array)) throw py::value_error("out: the array is read-only");
    result_ = written_ = py::reinterpret_borrow<py::object>(out);

    const Index itemsize = PyArray_ITEMSIZE(array);
    const bool adjacent =
        PyArray_ISALIGNED(array) &&
        (PyArray_IS_C_CONTIGUOUS(array) || (ndim == 2 && has_adjacent_elements(array) &&
                                            std::abs(PyArray_STRIDE(array, 0)) >= PyArray_DIM(array, 1) * itemsize));
    if (!adjacent) written_ = steal(PyArray_SimpleNew(ndim, shape, type));
}

void Destination::keep_apart_from(const py::object& input, bool in_place) {
    PyArrayObject* array = as_array(written_);
    PyArrayObject* other = as_array(input);
    if (in_place && PyArray_DATA(array) == PyArray_DATA(other) && PyArray_IS_C_CONTIGUOUS(array) &&
        PyArray_IS_C_CONTIGUOUS(other))
        return;
    if (may_overlap(array, other))
        written_ = steal(PyArray_SimpleNew(PyArray_NDIM(array), PyArray_DIMS(array), PyArray_TYPE(array)));
}

py::object Destination::finish() {
    if (written_.ptr() != result_.ptr() && PyArray_CopyInto(as_array(result_), as_array(written_)) < 0)
        throw py::error_already_set();
    return std::move(result_);
}

}  // namespace forwardpass
