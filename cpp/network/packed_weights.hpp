// The weight and bias of one linear layer, packed for one table of kernels, owned.
#pragma once

#include "kernels/contract.hpp"
#include "machine/aligned_buffer.hpp"

namespace forwardpass {

template <class T>
class PackedWeights {
public:
    // Packs a copy of the (outputs, depth) source for these kernels, which alone can read it. Throws std::bad_alloc or
    // std::length_error.
    PackedWeights(const Kernels<T>& kernels, const WeightSource<T>& source, Index depth, Index outputs);

    // Packs new values of the same shape in place.
    void assign(const WeightSource<T>& source) noexcept { kernels_->pack(source, depth_, outputs_, panels_.data()); }

    // Writes outputs begin to end of the weight as a C-contiguous (end - begin, depth) array, and their biases where
    // there are any, or -0.0. Precondition: begin is where a panel begins, and end where one ends.
    void unpack(Index begin, Index end, T* weight, T* bias) const noexcept {
        kernels_->unpack(panels() + kernels_->packed_elements(depth_, begin), depth_, end - begin, weight, bias);
    }
    Index panel_outputs() const noexcept { return kernels_->panel_outputs; }

    const Kernels<T>& kernels() const noexcept { return *kernels_; }
    Index depth() const noexcept { return depth_; }
    Index outputs() const noexcept { return outputs_; }
    bool has_bias() const noexcept { return has_bias_; }
    const T* panels() const noexcept { return panels_.data(); }
    Index bytes() const noexcept { return panels_.count() * static_cast<Index>(sizeof(T)); }

private:
    const Kernels<T>* kernels_;
    Index depth_, outputs_;
    bool has_bias_;
    AlignedBuffer<T> panels_;
};

extern template class PackedWeights<float>;
extern template class PackedWeights<double>;

}  // namespace forwardpass
