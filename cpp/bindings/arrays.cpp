#define FORWARDPASS_IMPORTS_NUMPY
#include "bindings/arrays.hpp"

#include <utility>

namespace forwardpass {
namespace {

// The first byte and one past the last one that an array's elements touch.
std::pair<const char*, const char*> extent(PyArrayObject* array) noexcept {
    const char* low = PyArray_BYTES(array);
    const char* high = low + PyArray_ITEMSIZE(array);
    for (int d = 0; d < PyArray_NDIM(array); ++d) {
        if (PyArray_DIM(array, d) == 0) return {low, low};
        const npy_intp reach = (PyArray_DIM(array, d) - 1) * PyArray_STRIDE(array, d);
        (reach < 0 ? low : high) += reach;
    }
    return {low, high};
}

}  // namespace

void import_numpy() {
    if (_import_array() < 0) throw py::error_already_set();
}

py::object private_view(PyArrayObject* array) {
    PyArray_Descr* const descr = PyArray_DESCR(array);
    Py_INCREF(descr);  // PyArray_NewFromDescr steals it
    py::object view =
        steal(PyArray_NewFromDescr(&PyArray_Type, descr, PyArray_NDIM(array), PyArray_DIMS(array),
                                   PyArray_STRIDES(array), PyArray_DATA(array), PyArray_FLAGS(array), nullptr));
    PyObject* const owner = reinterpret_cast<PyObject*>(array);
    Py_INCREF(owner);  // PyArray_SetBaseObject steals it
    if (PyArray_SetBaseObject(as_array(view), owner) < 0) throw py::error_already_set();
    return view;
}

std::string shape_text(int ndim, const npy_intp* shape) {
    std::string text = "(";
    for (int d = 0; d < ndim; ++d) text += (d ? ", " : "") + std::to_string(shape[d]);
    return text + (ndim == 1 ? ",)" : ")");
}

std::string shape_text(PyArrayObject* array) { return shape_text(PyArray_NDIM(array), PyArray_DIMS(array)); }

bool overlap(PyArrayObject* a, PyArrayObject* b) noexcept {
    const auto [a_low, a_high] = extent(a);
    const auto [b_low, b_high] = extent(b);
    return a_low < b_high && b_low < a_high;
}

}  // namespace forwardpass
