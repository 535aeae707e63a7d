// A linear layer whose weights were never packed. The functional calls run it.
#pragma once

#include "kernels/contract.hpp"
#include "threads/interrupt.hpp"
#include "threads/policy.hpp"

namespace forwardpass {

template <class T>
struct UnpackedLinear {
    WeightSource<T> weights;  // (outputs, depth), any strides
    Index depth;
    Index outputs;
    Activation activation;
    const T* x;  // (rows, depth)
    Index x_row_stride;
    T* y;  // (rows, outputs), not overlapping the inputs
    Index y_row_stride;
    Index rows;
    int threads = 0;  // at most, 0 for thread_count()
};

// Same bits as the packed layer. One row or a few read the weights once, in place; more rows pack
// up to 16 MB of them at a time. Returns false when interrupted. Throws std::bad_alloc, std::length_error.
template <class T>
bool run_unpacked(const Kernels<T>& kernels, const UnpackedLinear<T>& a, Interrupted interrupted);

extern template bool run_unpacked(const Kernels<float>&, const UnpackedLinear<float>&, Interrupted);
extern template bool run_unpacked(const Kernels<double>&, const UnpackedLinear<double>&, Interrupted);

}  // namespace forwardpass
