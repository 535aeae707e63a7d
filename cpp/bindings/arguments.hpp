// Makes an ndarray of any array-like argument, of whatever dtype it has.
#pragma once

#include <initializer_list>

#include "bindings/arrays.hpp"

namespace forwardpass {

// Masked arrays are refused: a masked element has no number to compute with.
bool is_masked_array(py::handle value);

// Any array-like as an ndarray. Others may hold the same array and change it, so a check of it may not stay true.
py::object shared_ndarray(py::handle value, const char* name);

// Any array-like as an ndarray of whatever dtype it has. It is a view that nobody else holds, so what is checked on it
// stays true. `name` is the argument's name in messages. Throws TypeError for masked arrays and tensors on another
// device.
py::object to_ndarray(py::handle value, const char* name);

// The same for several arguments of a call, in place. An argument that was left out is null. A conversion may run
// Python code, which can free the memory of another argument, so all are converted before the first view is taken. No
// view is needed where all are contiguous arrays of one type that the kernels read and `out` runs no Python code: read
// them with the GIL.
struct Argument {
    py::object& value;
    const char* name;
};
void to_ndarrays(std::initializer_list<Argument> arguments, py::handle out = py::none());

}  // namespace forwardpass
