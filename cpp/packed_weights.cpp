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

// Sixteen k at a time, which lie in L1 while every output of the panel takes its own from them.
template <class T>
void PackedWeights<T>::unpack_weight(T* weight) const noexcept {
    constexpr Index steps = 16;
    for (Index panel = 0; panel < panel_count<T>(outputs_); ++panel) {
        const Index count = outputs_in_panel<T>(outputs_, panel), width = panel_width<T>(count);
        const T* const rows = panels() + panel_offset<T>(depth_, panel) + width;
        T* const to = weight + panel * panel_outputs<T> * depth_;
        for (Index first = 0; first < depth_; first += steps)
            for (Index j = 0; j < count; ++j)
                for (Index k = first; k < std::min(first + steps, depth_); ++k)
                    to[j * depth_ + k] = rows[k * width + j];
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
