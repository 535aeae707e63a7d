// AVX2 and FMA. Compiled with its own flags, so it includes intrinsics and our headers only, and everything but the
// table has internal linkage: a linker must never take a function compiled here for one that runs on every CPU.
#include "kernels/isa/avx2.hpp"

#include "kernels/make_kernels.hpp"

namespace forwardpass {

const KernelTable avx2_table{"avx2", feature_avx2 | feature_fma, make_kernels<Avx2F32>(), make_kernels<Avx2F64>()};

}  // namespace forwardpass
