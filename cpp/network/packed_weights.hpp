// The weight and bias of one linear layer, packed (kernels/panel.hpp), owned.
#pragma once

#include "kernels/contract.hpp"
#include "kernels/layout/panel.hpp"
#include "machine/aligned_buffer.hpp"

namespace forwardpass {

template <class T>
class PackedWeights {
public:
    // Packs a copy of the (outputs, depth) source for these kernels, which alone can read it. Throws std::bad_alloc or
    // std::length_error.
    PackedWeights(const Kernels<T>& kernels, const WeightSource<T>& source, Index depth, Index outputs);

    // Packs new values of the same shape in place.
    void assign(const WeightSource<T>& source) noexcept;

    // Writes the weight as a C-contiguous (outputs, depth) array, and the bias as (outputs,).
    void unpack_weight(T* weight) const noexcept;
    void unpack_bias(T* bias) const noexcept;

    const Kernels<T>& kernels() const noexcept { return *kernels_; }
    const Panels<T>& layout() const noexcept { return layout_; }
    Index depth() const noexcept { return layout_.depth; }
    Index outputs() const noexcept { return layout_.outputs; }
    bool has_bias() const noexcept { return has_bias_; }
    const T* panels() const noexcept { return panels_.data(); }
    Index bytes() const noexcept { return panels_.count() * static_cast<Index>(sizeof(T)); }

private:
    const Kernels<T>* kernels_;
    Panels<T> layout_;
    bool has_bias_;
    AlignedBuffer<T> panels_;
};

extern template class PackedWeights<float>;
extern template class PackedWeights<double>;

}  // namespace forwardpass
