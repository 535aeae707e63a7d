// The contract as the plainest code there is: what every kernel must equal, bit for bit.
#pragma once

#include "kernels/contract.hpp"

namespace forwardpass {

// y = activation(W x + b) for (rows, depth) x, (outputs, depth) w, both C-contiguous; bias may be null.
template <class T>
void reference_linear(const T* x, const T* w, const T* bias, T* y, Index rows, Index depth, Index outputs,
                      const Activation& activation);

extern template void reference_linear(const float*, const float*, const float*, float*, Index, Index, Index,
                                      const Activation&);
extern template void reference_linear(const double*, const double*, const double*, double*, Index, Index, Index,
                                      const Activation&);

}  // namespace forwardpass
