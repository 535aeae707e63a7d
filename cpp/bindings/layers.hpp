// Makes single layers from Python's arguments.
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

// The activation of this name, with PyTorch's default parameters. Throws ValueError for an unknown name.
Activation activation_named(const std::string& name);

// The scales of a table that divides: numerator / denominator of each feature, or numerator / sqrt(denominator + eps).
// Each is the sum of two rows.
py::object quotient_rows(const py::object& numerator, const py::object& denominator,
                         const std::optional<double>& eps_of_root);

// The float64 (given_rows, features) array, or a copy that is C-contiguous. feature_values() points into it.
py::object adjacent_table(const py::object& table);
FeatureValues feature_values(const py::object& table);

}  // namespace forwardpass
