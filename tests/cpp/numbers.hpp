// Numbers to test with: the same on every machine, without a library's random generator.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "kernels/contract.hpp"

namespace forwardpass {

// Equal bits, or NaN both: signs and payloads of NaN differ between instruction sets.
template <class T>
bool same_bits(T a, T b) {
    std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t> a_bits, b_bits;
    std::memcpy(&a_bits, &a, sizeof a);
    std::memcpy(&b_bits, &b, sizeof b);
    return a_bits == b_bits || (std::isnan(a) && std::isnan(b));
}

class Numbers {
public:
    Numbers() = default;
    // Of one part of the cases, far from all others.
    explicit Numbers(std::uint64_t part) : state_(part) { state_ = next(); }

    // splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, OOPSLA 2014).
    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        return z ^ (z >> 31);
    }
    Index below(Index end) { return static_cast<Index>(next() >> 1) % end; }

    // (rows, columns) numbers, each row of one kind: a NaN in one row leaves the sums of the others
    // finite, and integers find a wrong index where rounding could not hide it.
    template <class T>
    std::vector<T> rows(Index rows, Index columns) {
        std::vector<T> all;
        all.reserve(static_cast<std::size_t>(rows * columns));
        for (Index r = 0; r < rows; ++r) {
            const Index kind = below(8);
            for (Index k = 0; k < columns; ++k) all.push_back(number<T>(kind));
        }
        return all;
    }

private:
    template <class T>
    T number(Index kind) {
        using Limits = std::numeric_limits<T>;
        const double real = static_cast<double>(static_cast<std::int64_t>(next())) * 0x1p-63;
        switch (kind) {
            case 0:  // integers
            case 1: return static_cast<T>(below(17) - 8);
            case 2: {  // of very different size: absorption and cancellation
                constexpr int half = Limits::max_exponent / 2;
                return static_cast<T>(std::ldexp(real, static_cast<int>(below(2 * half)) - half));
            }
            case 3:  // subnormals and zeros, of one sign: products underflow, and some sums are -0.0 whatever K
            case 4: {
                const double size = below(4) == 0 ? 0 : real * static_cast<double>(Limits::min());
                return std::copysign(static_cast<T>(size), static_cast<T>(kind == 3 ? 1 : -1));
            }
            case 5: {  // one special number in 16
                const T specials[] = {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity(), T(-0.0),
                                      Limits::max(),       -Limits::max(),     Limits::denorm_min()};
                const Index choice = below(16 * 7);
                return choice < 7 ? specials[choice] : static_cast<T>(real);
            }
            default: return static_cast<T>(real);
        }
    }

    std::uint64_t state_ = 0;
};

}  // namespace forwardpass
