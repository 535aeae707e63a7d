// How often operator new has been called, by any thread.
#pragma once

namespace forwardpass {

long allocations() noexcept;

}  // namespace forwardpass
