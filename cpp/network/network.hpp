// A chain of layers, run depth first over tiles of rows, and how a call is shared out between threads.
#pragma once

#include <vector>

#include "kernels/contract.hpp"
#include "network/plan.hpp"
#include "threads/interrupt.hpp"
#include "threads/policy.hpp"

namespace forwardpass {

template <class T>
class Network {
public:
    // Plan says which layers chain.
    Network(const Kernels<T>& kernels, const std::vector<Layer<T>>& layers) : kernels_(&kernels), plan_(layers) {}

    // y = network(x), on up to `threads` threads; 0 for as many as thread_count() says. Returns false
    // when interrupted, with part of y written. Safe to call from many threads. Throws std::bad_alloc and
    // std::length_error.
    bool run(const Batch<T>& batch, int threads, Interrupted interrupted) const;

    const Kernels<T>& kernels() const noexcept { return *kernels_; }

    // The work, in multiplications, for rows of `width` elements.
    Index work(Index rows, Index width) const noexcept { return plan_.work(rows, width); }

private:
    // One step, of each kind. Those without weights are out of line: in one function with the first they made small
    // networks slower [log 20]. GCC 12 takes the attribute from here, and not from the definitions.
    FORWARDPASS_INLINE void run_step(const LinearStep<T>& linear, const Batch<T>& batch, T* scratch) const noexcept;
    __attribute__((noinline)) void run_step(const Activation& activation, const Batch<T>& batch, T*) const noexcept;
    __attribute__((noinline)) void run_step(const RowLayer& row, const Batch<T>& batch, T*) const noexcept;
    __attribute__((noinline)) void run_step(const StridedRows<T>& added, const Batch<T>& batch, T*) const noexcept;
    template <bool polls_inside>
    bool share_rows(const Batch<T>& batch, const Sharing& sharing, Index tile, InterruptPoll& poll) const;
    bool share_panels(const Batch<T>& batch, const Sharing& sharing, Index tile, InterruptPoll& poll) const;

    const Kernels<T>* kernels_;
    Plan<T> plan_;
};

extern template class Network<float>;
extern template class Network<double>;

}  // namespace forwardpass
