// The functional calls: plain arrays in, plain arrays out, the bits of the packed layers.
#pragma once

#include "bindings/arrays.hpp"

namespace forwardpass {

// `out` may be None everywhere; of linear, `bias` and `activation` too.
py::object linear(const py::object& x, const py::object& weight, const py::object& bias, const py::object& activation,
                  const py::object& out);
py::object matvec(const py::object& weight, const py::object& x, const py::object& out);
// Of vectors, matrices and stacks, as NumPy's (matmul.cpp).
py::object matmul(const py::object& a, const py::object& b, const py::object& out);
py::object dot(const py::object& a, const py::object& b, const py::object& out);
py::object add_bias(const py::object& y, const py::object& bias, const py::object& out);

}  // namespace forwardpass
