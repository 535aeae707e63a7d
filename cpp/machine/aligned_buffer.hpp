// A buffer of uninitialised memory that begins on a cache line. It owns the memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>
#include <utility>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "kernels/contract.hpp"

namespace forwardpass {

// A small page that the TLB does not know costs a walk of the page tables. So large buffers ask Linux for pages of 2 MB
// (x86-64, AArch64): one row of large weights then takes three quarters of the time [log 22].
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t worth_huge_pages = 2 * huge_page;

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
        : AlignedBuffer(count, static_cast<std::size_t>(checked_product(count, static_cast<Index>(sizeof(T))))) {}
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
    AlignedBuffer(Index count, std::size_t bytes) : data_(allocate(bytes), Free{bytes}), count_(count) {}
    static std::align_val_t alignment(std::size_t bytes) noexcept {
        return std::align_val_t{bytes < worth_huge_pages ? cache_line : huge_page};
    }
    static T* allocate(std::size_t bytes) {
        void* const memory = ::operator new(bytes, alignment(bytes));
#if defined(MADV_HUGEPAGE)
        if (bytes >= worth_huge_pages) ::madvise(memory, bytes, MADV_HUGEPAGE);  // a refusal changes nothing
#endif
        return static_cast<T*>(memory);
    }
    struct Free {
        std::size_t bytes = 0;
        void operator()(T* p) const noexcept { ::operator delete(p, alignment(bytes)); }
    };
    std::unique_ptr<T, Free> data_;
    Index count_ = 0;
};

}  // namespace forwardpass
