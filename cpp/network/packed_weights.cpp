#include "network/packed_weights.hpp"

#include <algorithm>

namespace forwardpass {
namespace {

// Throws std::length_error where the elements pass 63 bits: there are at most twice as many as padding alone makes.
template <class T>
Index checked_elements(const Panels<T>& layout) {
    checked_product(checked_product(padded<T>(layout.depth + 1), padded<T>(layout.outputs)), 2);
    return layout.elements();
}

}  // namespace

template <class T>
PackedWeights<T>::PackedWeights(const Kernels<T>& kernels, const WeightSource<T>& source, Index depth, Index outputs)
    : kernels_(&kernels),
      layout_{depth, outputs, kernels.panel_outputs, kernels.lanes},
      has_bias_(source.bias != nullptr),
      panels_(checked_elements(layout_)) {
    assign(source);
}

template <class T>
void PackedWeights<T>::assign(const WeightSource<T>& source) noexcept {
    for (Index panel = 0; panel < layout_.count(); ++panel)
        kernels_->pack_panel(source, layout_.depth, layout_.first_output(panel), layout_.outputs_in(panel),
                             panels_.data() + layout_.offset(panel));
}

// A line of k at a time, which lie in L1 while every output of the panel takes its own from them.
template <class T>
void PackedWeights<T>::unpack_weight(T* weight) const noexcept {
    const Index depth = layout_.depth;
    for (Index panel = 0; panel < layout_.count(); ++panel) {
        const Index count = layout_.outputs_in(panel), stride = layout_.stride(count);
        T* const to = weight + layout_.first_output(panel) * depth;
        if (layout_.are_rows(count)) {
            const T* const rows = panels() + layout_.offset(panel) + padded<T>(count);
            for (Index j = 0; j < count; ++j) std::copy_n(rows + j * stride, depth, to + j * depth);
            continue;
        }
        const T* const rows = panels() + layout_.offset(panel) + stride;
        for (Index first = 0; first < depth; first += line_elements<T>) {
            const Index steps = std::min(line_elements<T>, depth - first);
            const T* of[line_elements<T>];
            for (Index i = 0; i < steps; ++i) of[i] = rows + packed_row(depth, first + i) * stride;
            for (Index j = 0; j < count; ++j)
                for (Index i = 0; i < steps; ++i) to[j * depth + first + i] = of[i][j];
        }
    }
}

template <class T>
void PackedWeights<T>::unpack_bias(T* bias) const noexcept {
    for (Index panel = 0; panel < layout_.count(); ++panel)
        std::copy_n(panels() + layout_.offset(panel), layout_.outputs_in(panel), bias + layout_.first_output(panel));
}

template class PackedWeights<float>;
template class PackedWeights<double>;

}  // namespace forwardpass
