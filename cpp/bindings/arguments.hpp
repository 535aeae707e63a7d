// Arguments as Python gives them: any array-like becomes an ndarray, of whatever dtype it has.
#pragma once

#include <initializer_list>

#include "bindings/arrays.hpp"

namespace forwardpass {

// What has masked elements is no array of numbers.
bool is_masked_array(py::handle value);

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

}  // namespace forwardpass
