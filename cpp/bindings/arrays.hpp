// What the bindings ask of one NumPy array.
#pragma once

#include <algorithm>
#include <string>

#include "bindings/numpy_api.hpp"
#include "kernels/contract.hpp"

namespace forwardpass {

namespace py = pybind11;

// Throws py::error_already_set if NumPy cannot be imported.
void import_numpy();

// A new reference, owned. Throws the Python exception that is set where there is none.
inline py::object steal(PyObject* object) {
    if (object == nullptr) throw py::error_already_set();
    return py::reinterpret_steal<py::object>(object);
}
inline py::object steal(PyArrayObject* array) { return steal(reinterpret_cast<PyObject*>(array)); }

template <class T>
constexpr int numpy_type = sizeof(T) == 4 ? NPY_FLOAT : NPY_DOUBLE;

inline PyArrayObject* as_array(PyObject* object) noexcept { return reinterpret_cast<PyArrayObject*>(object); }
inline PyArrayObject* as_array(const py::object& object) noexcept { return as_array(object.ptr()); }

// A new array of a (..., T) shape. PyArray_SimpleNew would look for the type first, at 6 % of a small call [log 22].
template <class T>
py::object new_array(int ndim, const npy_intp* shape) {
    static PyArray_Descr* const descr = PyArray_DescrFromType(numpy_type<T>);
    Py_INCREF(descr);  // PyArray_NewFromDescr steals it
    return steal(PyArray_NewFromDescr(&PyArray_Type, descr, ndim, shape, nullptr, nullptr, 0, nullptr));
}

// A view of the same elements that nobody else holds. Later Python code, or another thread, may change the array's
// shape, strides, dtype or flags. Those of the view stay as they were checked.
py::object private_view(PyArrayObject* array);

// "(3, 4)", as Python prints a shape.
std::string shape_text(int ndim, const npy_intp* shape);
std::string shape_text(PyArrayObject* array);

// Whether the kernels can read the numbers: of this type, in native byte order and aligned.
inline bool is_plain(PyArrayObject* array, int type) noexcept {
    return PyArray_TYPE(array) == type && PyArray_ISBEHAVED_RO(array);
}

// The same, and whether the array is C-contiguous and of NumPy's own class, which runs no code of a user.
inline bool lies_plain(PyObject* object, int type) noexcept {
    return PyArray_CheckExact(object) && PyArray_TYPE(as_array(object)) == type &&
           PyArray_ISCARRAY_RO(as_array(object));
}

inline bool has_shape(PyArrayObject* array, int ndim, const npy_intp* shape) noexcept {
    return PyArray_NDIM(array) == ndim && std::equal(shape, shape + ndim, PyArray_DIMS(array));
}

// Precondition: at least one axis.
inline Index last_axis(PyArrayObject* array) noexcept { return PyArray_DIM(array, PyArray_NDIM(array) - 1); }

// The product of all axes but the last.
inline Index rows_in(PyArrayObject* array) noexcept {
    Index rows = 1;
    for (int d = 0; d + 1 < PyArray_NDIM(array); ++d) rows *= PyArray_DIM(array, d);
    return rows;
}

inline bool has_adjacent_elements(PyArrayObject* array) noexcept {
    const int last = PyArray_NDIM(array) - 1;
    return last < 0 || PyArray_DIM(array, last) <= 1 || PyArray_STRIDE(array, last) == PyArray_ITEMSIZE(array);
}

// Whether one row stride describes all leading axes.
inline bool has_row_stride(PyArrayObject* array) noexcept {
    return PyArray_NDIM(array) <= 2 || PyArray_IS_C_CONTIGUOUS(array);
}

// From the first byte that an array's elements touch to one past the last.
struct Extent {
    const char *begin, *end;
};
Extent extent(PyArrayObject* array) noexcept;
inline bool overlap(const Extent& a, const Extent& b) noexcept { return a.begin < b.end && b.begin < a.end; }

}  // namespace forwardpass
