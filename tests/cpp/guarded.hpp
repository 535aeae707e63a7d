// Arrays that end, or begin, exactly at a page that may not be touched: one element read or
// written outside is a signal and not luck.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "kernels/contract.hpp"

namespace forwardpass {

// Which end of an array lies at the forbidden page.
enum class Flush { left, right };

// Memory between two forbidden pages, for one array at a time.
class GuardedArena {
public:
    explicit GuardedArena(std::size_t bytes) {
        const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
        bytes_ = (bytes + page - 1) / page * page;
        void* const mapped = mmap(nullptr, bytes_ + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (mapped == MAP_FAILED) std::abort();
        begin_ = static_cast<char*>(mapped) + page;
        if (mprotect(begin_, bytes_, PROT_READ | PROT_WRITE) != 0) std::abort();
    }
    GuardedArena(const GuardedArena&) = delete;
    GuardedArena& operator=(const GuardedArena&) = delete;
    // Mapped until the process ends.

    template <class T>
    T* place(Index count, Flush flush) {
        const std::size_t size = static_cast<std::size_t>(count) * sizeof(T);
        if (size > bytes_) std::abort();
        return reinterpret_cast<T*>(flush == Flush::left ? begin_ : begin_ + bytes_ - size);
    }

private:
    std::size_t bytes_;
    char* begin_;
};

// Where a kernel writes (rows, outputs): canaries lie between the rows and, at the end that is not
// at a forbidden page, around them.
template <class T>
class GuardedOutput {
public:
    explicit GuardedOutput(std::size_t bytes) : arena_(bytes + margin * sizeof(T)) {}

    T* prepare(Index rows, Index outputs, Index row_stride, Flush flush) {
        rows_ = rows, outputs_ = outputs, stride_ = row_stride;
        const Index count = rows == 0 ? 0 : (rows - 1) * row_stride + outputs;
        T* const all = arena_.place<T>(count + margin, flush);
        std::memset(all, canary, static_cast<std::size_t>(count + margin) * sizeof(T));
        y_ = flush == Flush::left ? all : all + margin;
        margin_ = flush == Flush::left ? y_ + count : all;
        return y_;
    }

    // same(y, expected) for every element, and every canary alive.
    template <class Same>
    bool holds(const T* expected, Index expected_stride, Same same) const {
        bool right = alive(margin_, margin);
        for (Index r = 0; r < rows_; ++r) {
            const T* const row = y_ + r * stride_;
            for (Index j = 0; j < outputs_; ++j) right &= same(row[j], expected[r * expected_stride + j]);
            if (r + 1 < rows_) right &= alive(row + outputs_, stride_ - outputs_);
        }
        return right;
    }

private:
    static constexpr Index margin = 80;  // more than a panel and its padding
    static constexpr unsigned char canary = 0xA5;

    static bool alive(const T* from, Index count) {
        const unsigned char* const bytes = reinterpret_cast<const unsigned char*>(from);
        bool all = true;
        for (std::size_t i = 0; i < static_cast<std::size_t>(count) * sizeof(T); ++i) all &= bytes[i] == canary;
        return all;
    }

    GuardedArena arena_;
    Index rows_ = 0, outputs_ = 0, stride_ = 0;
    T* y_ = nullptr;
    const T* margin_ = nullptr;
};

}  // namespace forwardpass
