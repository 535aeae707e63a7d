// Filling one panel (panel.hpp) from a strided matrix.
#pragma once

#include "panel.hpp"
#include "vector.hpp"

namespace forwardpass {
namespace {

// One superblock of a panel: its weights w[j * output_stride + k], for `count` outputs, go to row packed_row(k). Turned
// in registers, as many neighbours in k, each of another chain, for as many outputs.
template <class L>
void pack_superblock(const Element<L>* w, Index output_stride, const Superblock& s, Index chains, Index count,
                     Element<L>* to, Index width) noexcept {
    constexpr Index lanes = L::lanes;
    const Index whole = count - count % lanes;
    for (Index i = 0; i < s.steps; ++i) {
        for (Index c = 0; c < chains; c += lanes) {
            const Element<L>* const from = w + i * chains + c;
            Element<L>* const rows = to + (c * s.steps + i) * width;
            for (Index j = 0; j < whole; j += lanes) {
                Register<L> block[lanes];
                unrolled<lanes>([&](auto o) FORWARDPASS_UNROLLED { block[o] = L::load(from + (j + o) * output_stride); });
                L::transpose(block);
                unrolled<lanes>([&](auto r) FORWARDPASS_UNROLLED { L::store(rows + r * s.steps * width + j, block[r]); });
            }
            for (Index j = whole; j < count; ++j)
                for (Index r = 0; r < lanes; ++r) rows[r * s.steps * width + j] = from[j * output_stride + r];
        }
    }
    for (Index k = chains * s.steps; k < chains * s.steps + s.longer; ++k)
        for (Index j = 0; j < count; ++j) to[k * width + j] = w[j * output_stride + k];
}

// x in the order of a panel's rows: each superblock chain by chain.
template <class L>
void to_chain_order(const Element<L>* x, Index depth, Element<L>* to) noexcept {
    constexpr Index lanes = L::lanes;
    const Index chains = chain_count(depth), length = superblock_length(depth);
    for (Index number = 0; number * length < depth; ++number, x += length, to += length) {
        const Superblock s = superblock_of(depth, number);
        for (Index c = 0; c < chains && s.steps > 0; c += lanes) {
            Index i = 0;
            for (; i + lanes <= s.steps; i += lanes) {
                Register<L> block[lanes];
                unrolled<lanes>([&](auto r) FORWARDPASS_UNROLLED { block[r] = L::load(x + (i + r) * chains + c); });
                L::transpose(block);
                unrolled<lanes>([&](auto r) FORWARDPASS_UNROLLED { L::store(to + (c + r) * s.steps + i, block[r]); });
            }
            for (; i < s.steps; ++i)
                for (Index r = 0; r < lanes; ++r) to[(c + r) * s.steps + i] = x[i * chains + c + r];
        }
        for (Index k = chains * s.steps; k < chains * s.steps + s.longer; ++k) to[k] = x[k];
    }
}

// The weights as they lie, `count` outputs wide.
template <class T>
void pack_rows(const WeightSource<T>& source, const T* w, Index depth, Index count, T* to, Index stride) noexcept {
    for (Index j = 0; j < count; ++j)
        for (Index k = 0; k < depth; ++k)
            to[j * stride + k] = w[j * source.output_stride + k * source.depth_stride];
}

// Packs outputs [first, first + count) of the source, a panel of `panels`.
template <class V>
void pack_panel(const WeightSource<Element<V>>& source, Index depth, Index first, Index count, Element<V>* panel) noexcept {
    using T = Element<V>;
    const Panels<T> panels{depth, count, panel_outputs<V>, V::lanes};
    const bool are_rows = panels.are_rows(count);
    const Index stride = panels.stride(count), biases = are_rows ? padded<T>(count) : stride;
    for (Index j = 0; j < biases; ++j)
        panel[j] = j >= count ? T{0} : source.bias ? source.bias[first + j] : static_cast<T>(-0.0);
    const T* const w = source.w + first * source.output_stride;
    T* const rows = panel + biases;
    if (are_rows) return pack_rows(source, w, depth, count, rows, stride);

    const Index chains = chain_count(depth), length = superblock_length(depth);
    for (Index number = 0; number * length < depth; ++number) {
        const Superblock s = superblock_of(depth, number);
        const T* const from = w + number * length * source.depth_stride;
        T* const to = rows + number * length * stride;
        if (source.depth_stride == 1) {
            if (chains == few_chains)
                pack_superblock<typename LanesUpTo<V, few_chains>::Type>(from, source.output_stride, s, chains, count, to, stride);
            else pack_superblock<typename LanesUpTo<V, many_chains>::Type>(from, source.output_stride, s, chains, count, to, stride);
            continue;
        }
        const Index end = depth - number * length < length ? depth - number * length : length;
        for (Index k = 0; k < end; ++k) {
            T* const row = to + packed_row(depth, number * length + k) * stride - number * length * stride;
            const T* const values = from + k * source.depth_stride;
            for (Index j = 0; j < count; ++j) row[j] = values[j * source.output_stride];
        }
    }
    for (Index k = 0; count < stride && k < depth; ++k)
        for (Index j = count; j < stride; ++j) rows[k * stride + j] = 0;
}

}  // namespace
}  // namespace forwardpass
