// Which dtype a call computes in, and the conversion of arrays to it.
#pragma once

#include <initializer_list>
#include <string>

#include "bindings/arrays.hpp"

namespace forwardpass {

inline const char* dtype_name(int type) { return type == NPY_FLOAT ? "float32" : "float64"; }

// The dtype's name as Python prints it.
std::string dtype_text(PyArrayObject* array);

// An argument and its name in messages; the array may be null for one that was left out.
struct Named {
    const py::object& array;
    const char* name;
};

// The type to compute in. Float and double stay, half becomes float, integers and bool become double. For several
// arrays it is the type to which NumPy promotes them. Throws TypeError for anything else.
int common_type(std::initializer_list<Named> arrays);

// The array with NumPy type `type` (NPY_FLOAT or NPY_DOUBLE), aligned and in native byte order. Its strides are whole
// elements. NumPy's same_kind rule converts it without warnings; throws TypeError where the rule refuses.
py::object to_type(const py::object& array, int type, const char* name);

}  // namespace forwardpass
