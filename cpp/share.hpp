// One thread's share of a job's chunks.
#pragma once

#include <atomic>
#include <cstdint>

#include "kernels/contract.hpp"

namespace forwardpass {

// Consecutive chunks, the first ones in the low half: their thread takes from the front, and one that has
// finished its own from the back. So in a loop of calls every thread meets the same weights again, in its own
// cache: one row of 784-512-256-10 (2.2 MB of weights, 2 MB of L2) took 29 us alone and 9.8 us on two threads.
class alignas(64) Share {
public:
    void set(std::uint32_t first, std::uint32_t end) noexcept { range_.store(std::uint64_t{end} << 32 | first); }
    // A chunk of its own thread's or a helper's, -1 where none is left.
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
