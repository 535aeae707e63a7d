// Sizes that depend on the CPU but not on its instruction set. They are chosen once.
#pragma once

#include "kernels/contract.hpp"

namespace forwardpass {

struct Tuning {
    // Bytes of L2, where a tile of rows stays between two layers. This common size serves where the system says none.
    Index l2_bytes = Index{512} << 10;
    // Weights of a layer, x and y up to this size count as cached. Fetching weights ahead as if from memory costs time
    // where they are in L2 or L3 [log 4]; at twice this size it saves time [log 6].
    Index cached_bytes = Index{8} << 20;
    // For one row and weights in memory: how far ahead of the weights in use the kernel fetches. 0 is never: most CPUs'
    // own prefetchers foresee a stream, and fetch instructions only disturb them.
    Index row_fetch_bytes = 0;
};

// The sizes for this CPU. Where we do not know it, they are sizes that do no harm on any CPU.
const Tuning& tuning();

enum class Cache { l2, any };

// Whether so many bytes stay in L2, or in any cache, from one reading to the next. All rules about sizes ask here.
inline bool fits(Cache cache, Index bytes) {
    return bytes <= (cache == Cache::l2 ? tuning().l2_bytes : tuning().cached_bytes);
}

}  // namespace forwardpass
