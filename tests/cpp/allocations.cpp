#include "allocations.hpp"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<long> count{0}, left{-1};

void* counted(void* memory) {
    count.fetch_add(1);
    if (memory == nullptr || (left.load() >= 0 && left.fetch_sub(1) <= 0)) {
        if (left.load() < 0) left.store(0);
        std::free(memory);
        throw std::bad_alloc();
    }
    return memory;
}

}  // namespace

long forwardpass::allocations() noexcept { return count.load(); }
void forwardpass::fail_allocations_after(long count_left) noexcept { left.store(count_left); }

// The program's own, in place of the library's.
void* operator new(std::size_t size) { return counted(std::malloc(size)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    const auto align = static_cast<std::size_t>(alignment);
    return counted(std::aligned_alloc(align, (size + align - 1) / align * align));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
