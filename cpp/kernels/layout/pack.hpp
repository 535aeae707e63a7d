// Packs a strided matrix into panels (panel.hpp), and unpacks it.
#pragma once

#include "kernels/layout/panel.hpp"
#include "kernels/vector.hpp"

namespace forwardpass {
namespace {

// One superblock of a panel: weights w[j * output_stride + k] of `count` outputs, turned in registers: as many
// neighbours in k, each of another chain, for as many outputs.
template <class L, Index chains>
void pack_superblock(const Element<L>* w, Index output_stride, const Superblock& s, Index count, Element<L>* to,
                     Index width) noexcept {
    constexpr Index lanes = L::lanes;
    for (Index c = 0; c < chains; c += lanes) {
        Element<L>* of[lanes];
        unrolled<lanes>([&](auto r) FORWARDPASS_UNROLLED { of[r] = to + s.steps_before(c + r) * width; });
        for (Index i = 0; i < s.steps_of(c); ++i) {
            const Element<L>* const from = w + i * chains + c;
            const Index there = i < s.steps || s.longer - c > lanes ? lanes : s.longer - c, row = i * width;
            Index j = 0;
            for (; j + lanes <= count && there == lanes; j += lanes) {
                Register<L> block[lanes];
                unrolled<lanes>([&](auto o)
                                    FORWARDPASS_UNROLLED { block[o] = L::load(from + (j + o) * output_stride); });
                L::transpose(block);
                unrolled<lanes>([&](auto r) FORWARDPASS_UNROLLED { L::store(of[r] + row + j, block[r]); });
            }
            for (; j < count; ++j)
                for (Index r = 0; r < there; ++r) of[r][row + j] = from[j * output_stride + r];
        }
    }
}

// Copies x in the order of a panel's rows: each superblock chain by chain. Only for depths with many chains.
template <class L>
void to_chain_order(const Element<L>* x, Index depth, Element<L>* to) noexcept {
    constexpr Index lanes = L::lanes, length = many_chains * chain_length;
    for (Index number = 0; number < superblock_count(depth); ++number, x += length, to += length) {
        const Superblock s = superblock_of(depth, number);
        for (Index c = 0; c < many_chains; c += lanes) {
            Index i = 0;
            for (; i + lanes <= s.steps; i += lanes) {
                Register<L> block[lanes];
                unrolled<lanes>([&](auto r)
                                    FORWARDPASS_UNROLLED { block[r] = L::load(x + (i + r) * many_chains + c); });
                L::transpose(block);
                unrolled<lanes>([&](auto r)
                                    FORWARDPASS_UNROLLED { L::store(to + s.steps_before(c + r) + i, block[r]); });
            }
            for (; i < s.steps_of(c); ++i)
                for (Index r = 0; r < lanes && i < s.steps_of(c + r); ++r)
                    to[s.steps_before(c + r) + i] = x[i * many_chains + c + r];
        }
    }
}

// Packs `count` outputs as rows, in the order in which NumPy holds them.
template <class T>
void pack_rows(const WeightSource<T>& source, Index depth, Index count, T* to, Index stride) noexcept {
    for (Index j = 0; j < count; ++j)
        for (Index k = 0; k < depth; ++k)
            to[j * stride + k] = source.w[j * source.output_stride + k * source.depth_stride];
}

// Packs the weights of one k for `count` outputs, and zeros up to the width.
template <class V>
FORWARDPASS_INLINE void pack_k(const Element<V>* w, Index output_stride, Index count, Element<V>* to,
                               Index width) noexcept {
    Index j = 0;
    if (output_stride == 1)
        for (; j + V::lanes <= count; j += V::lanes) V::store(to + j, V::load(w + j));
    for (; j < count; ++j) to[j] = w[j * output_stride];
    for (; j < width; ++j) to[j] = 0;
}

template <class V>
constexpr Panels<Element<V>> panels_of(Index depth, Index outputs) noexcept {
    return {depth, outputs, panel_outputs<V>, V::lanes};
}

// Packs the first `count` outputs of the source into a panel.
template <class V>
void pack_panel(const WeightSource<Element<V>>& source, Index depth, Index count, Element<V>* panel) noexcept {
    using T = Element<V>;
    const Panels<T> panels = panels_of<V>(depth, count);
    const bool are_rows = panels.are_rows(count);
    const Index width = panels.stride(count), biases = are_rows ? padded<T>(count) : width;
    for (Index j = 0; j < biases; ++j)
        panel[j] = j >= count ? T{0} : source.bias ? source.bias[j] : static_cast<T>(-0.0);
    T* const rows = panel + biases;
    if (are_rows) return pack_rows(source, depth, count, rows, width);

    const Index length = superblock_length(depth);
    for (Index number = 0; number < superblock_count(depth); ++number) {
        const Superblock s = superblock_of(depth, number);
        const T* const from = source.w + number * length * source.depth_stride;
        T* const to = rows + number * length * width;
        if (source.depth_stride != 1) {
            T* row = to;
            for (Index c = 0; c < chain_count(depth); ++c)
                for (Index i = 0; i < s.steps_of(c); ++i, row += width)
                    pack_k<V>(from + (i * chain_count(depth) + c) * source.depth_stride, source.output_stride, count,
                              row, width);
        } else if (length == few_chains * chain_length)
            pack_superblock<typename LanesUpTo<V, few_chains>::Type, few_chains>(from, source.output_stride, s, count,
                                                                                 to, width);
        else
            pack_superblock<typename LanesUpTo<V, many_chains>::Type, many_chains>(from, source.output_stride, s, count,
                                                                                   to, width);
    }
    for (Index k = 0; source.depth_stride == 1 && count < width && k < depth; ++k)
        for (Index j = count; j < width; ++j) rows[k * width + j] = 0;
}

template <class V>
Index packed_elements(Index depth, Index outputs) noexcept {
    return panels_of<V>(depth, outputs).elements();
}

template <class V>
void pack(const WeightSource<Element<V>>& source, Index depth, Index outputs, Element<V>* to) noexcept {
    const auto panels = panels_of<V>(depth, outputs);
    for (Index p = 0; p < panels.count(); ++p)
        pack_panel<V>(source.from(panels.first_output(p)), depth, panels.outputs_in(p), to + panels.offset(p));
}

// Unpacks the weights of a panel, (count, depth). It goes through a cache line of k at a time, so that those rows stay
// in L1 while every output takes its weights from them.
template <class T>
void unpack_panel(const T* panel, const Panels<T>& layout, Index count, T* weight) noexcept {
    const Index depth = layout.depth, stride = layout.stride(count);
    if (layout.are_rows(count)) {
        const T* const rows = panel + padded<T>(count);
        for (Index j = 0; j < count; ++j)
            for (Index k = 0; k < depth; ++k) weight[j * depth + k] = rows[j * stride + k];
        return;
    }
    const T* const rows = panel + stride;
    for (Index first = 0; first < depth; first += line_elements<T>) {
        const Index left = depth - first, steps = left < line_elements<T> ? left : line_elements<T>;
        const T* of[line_elements<T>];
        for (Index i = 0; i < steps; ++i) of[i] = rows + packed_row(depth, first + i) * stride;
        for (Index j = 0; j < count; ++j)
            for (Index i = 0; i < steps; ++i) weight[j * depth + first + i] = of[i][j];
    }
}

template <class V>
void unpack(const Element<V>* from, Index depth, Index outputs, Element<V>* weight, Element<V>* bias) noexcept {
    const auto panels = panels_of<V>(depth, outputs);
    for (Index p = 0; p < panels.count(); ++p) {
        const Index first = panels.first_output(p), count = panels.outputs_in(p);
        const Element<V>* const panel = from + panels.offset(p);
        unpack_panel(panel, panels, count, weight + first * depth);
        for (Index j = 0; bias != nullptr && j < count; ++j) bias[first + j] = panel[j];
    }
}

}  // namespace
}  // namespace forwardpass
