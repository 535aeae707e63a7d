// AVX2 and FMA. This file has compiler flags of its own, and a linker must never use a function from here on a CPU
// without AVX2. So the file includes intrinsics and our headers only, and only the table has external linkage.
#include "kernels/isa/avx2.hpp"

#include "kernels/make_kernels.hpp"

namespace forwardpass {

const KernelTable avx2_table{"avx2", feature_avx2 | feature_fma, make_kernels<Avx2F32>(), make_kernels<Avx2F64>()};

}  // namespace forwardpass
