// What depends on the CPU and is no instruction set: chosen once, beside the kernel table.
#pragma once

#include "kernels/contract.hpp"

namespace forwardpass {

struct Tuning {
    // Bytes of L2, or a common size where the system does not say: a tile of rows stays there between two layers.
    Index l2_bytes = Index{512} << 10;
    // Weights of a layer, x and y up to this size count as cached. Weights in L2 and L3 lose by being fetched as from
    // memory [log 4], and twice this size gains [log 6].
    Index cached_bytes = Index{8} << 20;
    // How far ahead of the weights in use others are fetched for one row from memory, or 0 for not at all: the
    // prefetchers of most CPUs foresee a stream by themselves, and instructions only disturb them.
    Index row_fetch_bytes = 0;
};

// For this CPU; what is not known of it is what does no harm anywhere.
const Tuning& tuning();

enum class Cache { l2, any };

// Whether so many bytes stay in L2, or in some cache, from one reading to the next. Everything that is decided by such
// a size asks here.
inline bool fits(Cache cache, Index bytes) {
    return bytes <= (cache == Cache::l2 ? tuning().l2_bytes : tuning().cached_bytes);
}

}  // namespace forwardpass
