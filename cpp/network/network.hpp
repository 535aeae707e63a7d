// A chain of layers, run depth first over tiles of rows, and how a call is shared out between threads.
#pragma once

#include <vector>

#include "kernels/contract.hpp"
#include "network/plan.hpp"
#include "threads/policy.hpp"

namespace forwardpass {

template <class T>
class Network {
public:
    // What the layers must be: Plan.
    Network(const Kernels<T>& kernels, const std::vector<Layer<T>>& layers) : kernels_(&kernels), plan_(layers) {}

    // y = network(x), on up to `threads` threads; 0 for as many as thread_count() says. Returns false
    // when interrupted, with part of y written. Safe to call from many threads. Throws std::bad_alloc and
    // std::length_error.
    bool run(const Batch<T>& batch, int threads, Interrupted interrupted) const;

    const Kernels<T>& kernels() const noexcept { return *kernels_; }

    // In multiplications, for rows of `width` elements.
    Index work(Index rows, Index width) const noexcept { return plan_.work(rows, width); }

private:
    void run_step(const Step<T>& step, const Batch<T>& batch, const Added<T>& added, T* scratch) const noexcept;
    void run_rows(const Step<T>& step, const Batch<T>& batch, const Added<T>& added) const noexcept;
    template <bool looks_inside>
    bool share_rows(const Batch<T>& batch, const Sharing& sharing, Index tile, Looks& looks) const;
    bool share_panels(const Batch<T>& batch, const Sharing& sharing, Index tile, Looks& looks) const;

    const Kernels<T>* kernels_;
    Plan<T> plan_;
};

extern template class Network<float>;
extern template class Network<double>;

}  // namespace forwardpass
