// Describes checked arrays as the kernels read them: rows of x, weights and biases.
#pragma once

#include <optional>

#include "bindings/arrays.hpp"

namespace forwardpass {

// A 1-d array whose elements are adjacent: the same one, or a copy.
py::object adjacent(const py::object& array);

// A (outputs, depth) array that to_type() gave, with an adjacent bias or null.
template <class T>
WeightSource<T> weight_source(const py::object& weight, const py::object& bias) noexcept {
    constexpr Index size = sizeof(T);
    PyArrayObject* w = as_array(weight);
    return {static_cast<const T*>(PyArray_DATA(w)), PyArray_STRIDE(w, 0) / size, PyArray_STRIDE(w, 1) / size,
            bias ? static_cast<const T*>(PyArray_DATA(as_array(bias))) : nullptr};
}

// The array of to_ndarray() with all axes except the first as one: a view, or a copy.
py::object flattened(PyArrayObject* array);

// A (rows, width) view of the last axis of an array: a pointer, and strides in elements.
struct Rows {
    py::object array;  // keeps the memory alive
    void* data;
    Index rows;
    Index width;
    Index row_stride;  // elements of a row are adjacent
};

// Precondition: to_type() gave the array. Copies only where no single row stride describes it.
Rows as_rows(py::object array);

// Rows that a network reads. It reads them as they are, or converts them tile by tile from a source; then `rows.data`
// is null.
struct Input {
    Rows rows;
    std::optional<Source> source;
};

// Runs Python code, and copies, only for what the kernels cannot convert: a type of more than 64 bits, a single number
// without axes, or more than two axes that are not C-contiguous. Throws TypeError as to_type().
Input as_input(const py::object& array, int type, const char* name);

// Whether as_input() runs no Python code.
bool kernels_convert(PyArrayObject* array) noexcept;

}  // namespace forwardpass
