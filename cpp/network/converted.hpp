// Runs a network over rows of another type or layout, and converts some rows at a time.
#pragma once

#include "network/network.hpp"

namespace forwardpass {

// Does what network.run() does with the converted rows. It does not read batch.x. Each thread takes memory for a few
// hundred rows.
// Returns false when interrupted. Throws std::bad_alloc and std::length_error.
template <class T>
bool run_converted(const Network<T>& network, const Source& source, const Batch<T>& batch, int threads,
                   Interrupted interrupted);

extern template bool run_converted(const Network<float>&, const Source&, const Batch<float>&, int, Interrupted);
extern template bool run_converted(const Network<double>&, const Source&, const Batch<double>&, int, Interrupted);

}  // namespace forwardpass
