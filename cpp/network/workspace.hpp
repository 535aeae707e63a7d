// Memory for one call. The thread keeps it for the next call, so a loop of calls allocates nothing.
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
    // 64 MB: a call that needs more computes for so long that the time of allocating does not matter.
    static constexpr Index most_kept = (Index{64} << 20) / static_cast<Index>(sizeof(T));

    // Empty while a call uses the memory, because a signal handler may call a network in the middle of it.
    static AlignedBuffer<T>& kept() noexcept {
        thread_local AlignedBuffer<T> buffer;
        return buffer;
    }
    AlignedBuffer<T> buffer_;
};

}  // namespace forwardpass
