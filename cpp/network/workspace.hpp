// Memory for one call, kept by its thread for the next one: a loop of calls allocates nothing.
#pragma once

#include <algorithm>
#include <utility>

#include "machine/aligned_buffer.hpp"

namespace forwardpass {

template <class T>
class Workspace {
public:
    // Throws std::bad_alloc or std::length_error.
    explicit Workspace(Index elements) : buffer_(std::move(kept())) {
        if (buffer_.count() < elements) buffer_ = AlignedBuffer<T>(elements);
    }
    ~Workspace() {
        if (buffer_.count() <= most_kept) kept() = std::move(buffer_);
    }
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;

    T* data() noexcept { return buffer_.data(); }

private:
    // 64 MB: what needs more computes for so long that allocating costs nothing.
    static constexpr Index most_kept = (Index{64} << 20) / static_cast<Index>(sizeof(T));

    // Empty while a call uses it: a signal handler may call from inside that one.
    static AlignedBuffer<T>& kept() noexcept {
        thread_local AlignedBuffer<T> buffer;
        return buffer;
    }
    AlignedBuffer<T> buffer_;
};

}  // namespace forwardpass
