// How often operator new has been called, by any thread; and its failing.
#pragma once

namespace forwardpass {

long allocations() noexcept;

// From now on the calls of operator new fail, by any thread, but for the first `count`; a negative count ends that.
void fail_allocations_after(long count) noexcept;

}  // namespace forwardpass
