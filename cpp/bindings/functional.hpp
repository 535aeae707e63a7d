// The functional calls take and return plain arrays, and give the bits of the packed layers.
#pragma once

#include "bindings/arrays.hpp"

namespace forwardpass {

// `out` may be None everywhere; of linear, `bias` and `activation` too.
py::object linear(const py::object& x, const py::object& weight, const py::object& bias, const py::object& activation,
                  const py::object& out);
py::object matvec(const py::object& weight, const py::object& x, const py::object& out);
// Multiplies vectors, matrices and stacks of them as NumPy does (matmul.cpp).
py::object matmul(const py::object& a, const py::object& b, const py::object& out);
py::object dot(const py::object& a, const py::object& b, const py::object& out);
py::object add_bias(const py::object& y, const py::object& bias, const py::object& out);

}  // namespace forwardpass
