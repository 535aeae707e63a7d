// Where results go: a new array, or the caller's `out`.
#pragma once

#include "bindings/rows.hpp"

namespace forwardpass {

// The caller's `out`, or a new array. The kernels write to a temporary where the rows of `out` are not adjacent, or
// where `out` shares memory with an input.
class Destination {
public:
    // `out` is null or None for a new array. Throws TypeError or ValueError for an `out` that is
    // not a writeable native-order array of this shape and type.
    Destination(PyObject* out, int ndim, const npy_intp* shape, int type);

    // Call it for every input before rows(). It takes a temporary if the result may overlap the input, except that with
    // `in_place` the input may be exactly the same contiguous memory.
    void keep_apart_from(const py::object& input, bool in_place = false);

    Rows rows() const { return as_rows(written_); }
    PyArrayObject* array() const noexcept { return as_array(written_); }
    bool empty() const noexcept { return PyArray_SIZE(array()) == 0; }
    void* data() const noexcept { return PyArray_DATA(array()); }

    // Copies the temporary, if there is one, into the result, and returns the result for the caller.
    py::object finish();

private:
    void take_temporary();

    py::object result_;   // what the caller gets
    py::object written_;  // what the kernels write: result_ or a temporary
    py::object target_;   // where the temporary goes: the result's memory, in a view that nobody else holds
};

// The result, or a scalar for a new result without axes, as NumPy returns. `out` is null or None for a new result.
py::object or_scalar(PyObject* out, py::object result);

}  // namespace forwardpass
