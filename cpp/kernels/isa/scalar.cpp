// One lane at a time, for any CPU. Where the CPU has no FMA, fma() is the C library's: right in
// every bit, though slow. (An FMA by way of double is wrong: docs/numerics.md.)
#include "kernels/isa/scalar.hpp"

#include "kernels/make_kernels.hpp"

namespace forwardpass {

const KernelTable scalar_table{"scalar", 0, make_kernels<Scalar<float>>(), make_kernels<Scalar<double>>()};

}  // namespace forwardpass
