// Where results go: a new array, or the caller's `out`.
#pragma once

#include "bindings/rows.hpp"

namespace forwardpass {

// The caller's `out`, or a new array; through a temporary where `out` is not
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

// A new 0-d result is handed back as a scalar, as NumPy does. `out` is null or None where the result is new.
py::object or_scalar(PyObject* out, py::object result);

}  // namespace forwardpass
