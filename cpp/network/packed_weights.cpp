#include "network/packed_weights.hpp"

namespace forwardpass {
namespace {

// Throws std::length_error where the elements may pass 63 bits. There are at most twice as many as with padding alone.
template <class T>
Index checked_elements(const Kernels<T>& kernels, Index depth, Index outputs) {
    checked_product(checked_product(padded<T>(depth + 1), padded<T>(outputs)), 2);
    return kernels.packed_elements(depth, outputs);
}

}  // namespace

template <class T>
PackedWeights<T>::PackedWeights(const Kernels<T>& kernels, const WeightSource<T>& source, Index depth, Index outputs)
    : kernels_(&kernels),
      depth_(depth),
      outputs_(outputs),
      has_bias_(source.bias != nullptr),
      panels_(checked_elements(kernels, depth, outputs)) {
    assign(source);
}

template class PackedWeights<float>;
template class PackedWeights<double>;

}  // namespace forwardpass
