// Uninitialised memory on a cache line boundary, owned.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

#include "kernels/contract.hpp"

namespace forwardpass {

constexpr std::size_t cache_line = 64;

// a * b for non-negative sizes. Throws std::length_error where it passes 63 bits.
inline Index checked_product(Index a, Index b) {
    Index product;
    if (__builtin_mul_overflow(a, b, &product)) throw std::length_error("the array's size in bytes passes 64 bits");
    return product;
}

template <class T>
class AlignedBuffer {
public:
    AlignedBuffer() = default;
    // Throws std::bad_alloc, or std::length_error as checked_product does.
    explicit AlignedBuffer(Index count)
        : data_(static_cast<T*>(
              ::operator new(static_cast<std::size_t>(checked_product(count, static_cast<Index>(sizeof(T)))),
                             std::align_val_t{cache_line}))),
          count_(count) {}
    AlignedBuffer(AlignedBuffer&& other) noexcept
        : data_(std::move(other.data_)), count_(std::exchange(other.count_, 0)) {}
    AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
        data_ = std::move(other.data_);
        count_ = std::exchange(other.count_, 0);
        return *this;
    }

    T* data() noexcept { return data_.get(); }
    const T* data() const noexcept { return data_.get(); }
    Index count() const noexcept { return count_; }

private:
    struct Free {
        void operator()(T* p) const noexcept { ::operator delete(p, std::align_val_t{cache_line}); }
    };
    std::unique_ptr<T, Free> data_;
    Index count_ = 0;
};

}  // namespace forwardpass
