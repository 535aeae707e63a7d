// Which dtype a call computes in, and how arrays come to it.
#pragma once

#include <initializer_list>
#include <string>

#include "bindings/arrays.hpp"

namespace forwardpass {

inline const char* dtype_name(int type) { return type == NPY_FLOAT ? "float32" : "float64"; }

// As Python prints it.
std::string dtype_text(PyArrayObject* array);

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

}  // namespace forwardpass
