// The chunks of a job that one thread should run.
#pragma once

#include <atomic>
#include <cstdint>

#include "kernels/contract.hpp"

namespace forwardpass {

// Consecutive chunks: the low half of range_ has the first, the high half the end. Their own thread takes from the
// front, and a thread that has finished its own takes from the back. So in a loop of calls every thread meets the same
// weights again, in its own cache. Weights that are larger than one L2 may fit into two [log 21].
class alignas(64) ChunkRange {
public:
    void set(std::uint32_t first, std::uint32_t end) noexcept { range_.store(std::uint64_t{end} << 32 | first); }
    // The next chunk for its own thread (`own`) or for another one; -1 where none is left.
    Index take(bool own) noexcept {
        std::uint64_t range = range_.load();
        for (;;) {
            const auto first = static_cast<std::uint32_t>(range), end = static_cast<std::uint32_t>(range >> 32);
            if (first >= end) return -1;
            const std::uint64_t rest = own ? range + 1 : range - (std::uint64_t{1} << 32);
            if (range_.compare_exchange_weak(range, rest)) return own ? first : end - 1;
        }
    }

private:
    std::atomic<std::uint64_t> range_{0};
};

}  // namespace forwardpass
