// Checks that networks and functional calls share. A message says what was expected and what came, and names the
// beginner's most common mistake.
#pragma once

#include <string>

#include "bindings/arrays.hpp"

namespace forwardpass {

inline void check_has_axis(PyArrayObject* array, const char* name) {
    if (PyArray_NDIM(array) == 0)
        throw py::value_error(std::string(name) + ": expected at least one axis, got a 0-d array");
}

inline void check_matrix(PyArrayObject* array, const char* name, const char* meaning) {
    if (PyArray_NDIM(array) != 2)
        throw py::value_error(std::string(name) + ": expected a 2-d array of shape " + meaning + ", got shape " +
                              shape_text(array));
}

// Throws ValueError unless the last axis of `x` has as many features as `layer`.
inline void check_features(PyArrayObject* x, Index features, const char* layer) {
    if (last_axis(x) != features)
        throw py::value_error("x: expected a last axis of " + std::to_string(features) + ", the features of " + layer +
                              ", got shape " + shape_text(x));
}

// Throws ValueError unless the last axis of `x` is `depth`, the columns of the weight. `its_own` says that the call
// gave the weight too, so that either of the two may be transposed.
inline void check_depth(PyArrayObject* x, Index depth, Index outputs, const char* weight_name, bool its_own) {
    const Index width = last_axis(x);
    if (width == depth) return;
    const npy_intp shape[] = {outputs, depth}, transposed[] = {depth, outputs};
    std::string hint;
    if (PyArray_NDIM(x) == 2 && PyArray_DIM(x, 0) == depth) hint = "; x.T would fit: rows of x are inputs";
    else if (its_own && width == outputs)
        hint = "; the transposed weight, of shape " + shape_text(2, transposed) + ", would fit: pass weight.T";
    throw py::value_error("x: expected a last axis of " + std::to_string(depth) + ", as " + weight_name +
                          " has shape " + shape_text(2, shape) + " = (out_features, in_features), got shape " +
                          shape_text(x) + hint);
}

inline void check_bias(PyArrayObject* bias, const char* name, Index outputs) {
    if (!has_shape(bias, 1, &outputs))
        throw py::value_error(std::string(name) + ": expected shape (" + std::to_string(outputs) +
                              ",), one value for each output, got shape " + shape_text(bias));
}

}  // namespace forwardpass
