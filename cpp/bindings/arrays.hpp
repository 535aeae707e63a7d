// Between NumPy arrays and raw pointers: every dtype, layout and `out=` is settled here, once.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>

#include "bindings/numpy_api.hpp"
#include "kernels/contract.hpp"

namespace forwardpass {

namespace py = pybind11;

// Throws py::error_already_set if NumPy cannot be imported.
void import_numpy();

// A new reference, owned. Throws the Python exception that is set where there is none.
py::object steal(PyObject* object);
inline py::object steal(PyArrayObject* array) { return steal(reinterpret_cast<PyObject*>(array)); }

template <class T>
constexpr int numpy_type = sizeof(T) == 4 ? NPY_FLOAT : NPY_DOUBLE;

inline PyArrayObject* as_array(const py::object& object) noexcept {
    return reinterpret_cast<PyArrayObject*>(object.ptr());
}

// "(3, 4)", as Python prints a shape.
std::string shape_text(int ndim, const npy_intp* shape);
std::string shape_text(PyArrayObject* array);

// Any array-like as an ndarray, perhaps one that others hold too: nothing that is checked on it need stay so.
py::object shared_ndarray(py::handle value, const char* name);

// Any array-like as an ndarray of whatever dtype it has, in a view that nobody else holds: what is checked on it stays
// so. `name` is the argument's name in messages. Throws TypeError for masked arrays and tensors on another device.
py::object to_ndarray(py::handle value, const char* name);

// The same for several arguments of a call, in place; null for one that was left out. All are converted before the
// first view is taken: a conversion may run Python code, which can free the memory of another argument. Where all are
// contiguous arrays of one type that the kernels read, and `out` runs no Python code either, no view is needed: read
// them with the GIL.
struct Argument {
    py::object& value;
    const char* name;
};
void to_ndarrays(std::initializer_list<Argument> arguments, py::handle out = py::none());

// An argument and its name in messages; the array may be null for one that was left out.
struct Named {
    const py::object& array;
    const char* name;
};

// Float and double stay, half becomes float, integers and bool become double; several arrays take
// the type that NumPy promotes them to. Throws TypeError for anything else.
int common_type(std::initializer_list<Named> arrays);

// Native byte order, aligned, of NumPy type `type` (NPY_FLOAT or NPY_DOUBLE), any strides that are
// whole elements. Converts by NumPy's same_kind rule, silently; throws TypeError where that refuses.
py::object to_type(const py::object& array, int type, const char* name);

// A 1-d array whose elements are adjacent: the same one, or a copy.
py::object adjacent(const py::object& array);

// A (outputs, depth) array that to_type() gave, with an adjacent bias or null.
template <class T>
WeightSource<T> weight_source(const py::object& weight, const py::object& bias) noexcept {
    constexpr Index size = sizeof(T);
    PyArrayObject* w = as_array(weight);
    return {static_cast<const T*>(PyArray_DATA(w)), PyArray_STRIDE(w, 0) / size, PyArray_STRIDE(w, 1) / size,
            bias ? static_cast<const T*>(PyArray_DATA(as_array(bias))) : nullptr};
}

// All axes but the first as one: a view of a to_ndarray(), or a copy.
py::object flattened(PyArrayObject* array);

// A (rows, width) view of the last axis of an array: a pointer, and strides in elements.
struct Rows {
    py::object array;  // keeps the memory alive
    void* data;
    Index rows;
    Index width;
    Index row_stride;  // elements of a row are adjacent
};

// Precondition: to_type() gave the array. Copies only where no single row stride describes it.
Rows as_rows(py::object array);

// Rows that a network reads: as they lie, or through a source, tile by tile, and then `rows.data` is null.
struct Input {
    Rows rows;
    std::optional<Source> source;
};

// Precondition: at least one axis. Runs Python code, and copies, only for what the kernels cannot convert: a type of
// more than 64 bits, or more than two axes that are not C-contiguous. Throws TypeError as to_type().
Input as_input(const py::object& array, int type, const char* name);

// Whether as_input() runs no Python code.
bool kernels_convert(PyArrayObject* array) noexcept;

// Where a result goes: the caller's `out`, or a new array; through a temporary where `out` is not
// laid out in adjacent rows or shares memory with an input.
class Destination {
public:
    // `out` is null or None for a new array. Throws TypeError or ValueError for an `out` that is
    // not a writeable native-order array of this shape and type.
    Destination(PyObject* out, int ndim, const npy_intp* shape, int type);

    // Call for every input before rows(): takes a temporary if the result may overlap it. With
    // `in_place` an input that is the very same contiguous memory is let be.
    void keep_apart_from(const py::object& input, bool in_place = false);

    Rows rows() const { return as_rows(written_); }
    PyArrayObject* array() const noexcept { return as_array(written_); }
    bool empty() const noexcept { return PyArray_SIZE(array()) == 0; }
    void* data() const noexcept { return PyArray_DATA(array()); }

    // Copies out of the temporary, if there is one, and returns the array to hand back.
    py::object finish();

private:
    void take_temporary();

    py::object result_;   // what the caller gets
    py::object written_;  // what the kernels write: result_ or a temporary
    py::object target_;   // where the temporary goes: the result's memory, in a view that nobody else holds
};

// A new 0-d result is handed back as a scalar, as NumPy does.
py::object or_scalar(const py::object& out, py::object result);

}  // namespace forwardpass
