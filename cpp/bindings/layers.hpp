// Single layers, made from what Python gives.
#pragma once

#include <optional>
#include <string>

#include "bindings/network.hpp"

namespace forwardpass {

// Weights packed from any array-likes; `bias` may be None. Throws ValueError and TypeError.
AnyLayer make_linear(py::handle weight, py::handle bias);

// An activation or a function of rows, with its parameters. `table` and `arrays` are None, or float64 of shape
// (given_rows, features) and the tuple that the layer's state() consists of. `axes` says what becomes of x with more
// than two axes: "any", "rows" or "flatten"; with "squeeze", answers of one feature lose their axis. Throws ValueError
// for an unknown name.
std::vector<AnyLayer> make_function(const std::string& name, double a, double b, py::handle table,
                                    const py::object& arrays, const std::string& axes);

// Throws TypeError for anything but a tuple of NumPy arrays.
void check_arrays(const py::object& arrays, const char* name);

// With PyTorch's default parameters. Throws ValueError for an unknown name.
Activation activation_named(const std::string& name);

// What a table of features divides by: numerator / denominator of each, or numerator / sqrt(denominator + eps), as the
// sum of two rows.
py::object quotient_rows(const py::object& numerator, const py::object& denominator,
                         const std::optional<double>& eps_of_root);

// A C-contiguous copy, if need be, of a float64 (given_rows, features) array; and what lies in it.
py::object adjacent_table(const py::object& table);
FeatureValues feature_values(const py::object& table);

}  // namespace forwardpass
