#include "packed_weights.hpp"

#include <algorithm>

namespace forwardpass {
namespace {

// Throws std::length_error where the elements pass 63 bits: there are at most twice as many as padding alone makes.
template <class T>
Index checked_elements(Index depth, Index outputs) {
    checked_product(checked_product(depth + 1, padded<T>(outputs)), 2);
    return packed_elements<T>(depth, outputs);
}

}  // namespace

template <class T>
PackedWeights<T>::PackedWeights(const Kernels<T>& kernels, const WeightSource<T>& source, Index depth, Index outputs)
    : depth_(depth),
      outputs_(outputs),
      has_bias_(source.bias != nullptr),
      elements_(checked_elements<T>(depth, outputs) + packed_slack<T>),
      panels_(elements_) {
    std::fill_n(panels_.data() + elements_ - packed_slack<T>, packed_slack<T>, T{0});
    assign(kernels, source);
}

template <class T>
void PackedWeights<T>::assign(const Kernels<T>& kernels, const WeightSource<T>& source) noexcept {
    for (Index panel = 0; panel < panel_count<T>(outputs_); ++panel)
        kernels.pack_panel(source, depth_, panel * panel_outputs<T>, outputs_in_panel<T>(outputs_, panel),
                           panels_.data() + panel_offset<T>(depth_, panel));
}

template <class T>
void PackedWeights<T>::unpack_weight(T* weight) const noexcept {
    for (Index j = 0; j < outputs_; ++j) {
        const Index panel = j / panel_outputs<T>, lane = j % panel_outputs<T>;
        const Index width = panel_width<T>(outputs_in_panel<T>(outputs_, panel));
        const T* from = panels() + panel_offset<T>(depth_, panel) + width + lane;
        for (Index k = 0; k < depth_; ++k) weight[j * depth_ + k] = from[k * width];
    }
}

template <class T>
void PackedWeights<T>::unpack_bias(T* bias) const noexcept {
    for (Index panel = 0; panel < panel_count<T>(outputs_); ++panel) {
        const T* from = panels() + panel_offset<T>(depth_, panel);
        std::copy_n(from, outputs_in_panel<T>(outputs_, panel), bias + panel * panel_outputs<T>);
    }
}

template class PackedWeights<float>;
template class PackedWeights<double>;

}  // namespace forwardpass
