// Sums in registers, and what becomes of those of superblocks and groups, in the order of order.hpp.
#pragma once

#include "panel.hpp"
#include "vector.hpp"

namespace forwardpass {
namespace {

// Registers of sums, or of chains: `rows` rows of `vectors` vectors of outputs.
template <class V, int rows, int vectors>
struct Sums {
    Register<V> at[rows][vectors];

    template <class Body>
    static FORWARDPASS_INLINE void each(const Body& body) noexcept {
        unrolled<rows * vectors>([&](auto i)
                                     FORWARDPASS_UNROLLED { body(Constant<i / vectors>{}, Constant<i % vectors>{}); });
    }
    FORWARDPASS_INLINE void fill(Element<V> value) noexcept {
        each([&](auto r, auto v) FORWARDPASS_UNROLLED { at[r][v] = V::broadcast(value); });
    }
    // Behind what came before.
    FORWARDPASS_INLINE void add_to(const Sums& before) noexcept {
        each([&](auto r, auto v) FORWARDPASS_UNROLLED { at[r][v] = V::add(before.at[r][v], at[r][v]); });
    }
    FORWARDPASS_INLINE void load(const Element<V>* from, Index row_stride) noexcept {
        each([&](auto r, auto v) FORWARDPASS_UNROLLED { at[r][v] = V::load(from + r * row_stride + v * V::lanes); });
    }
    FORWARDPASS_INLINE void store(Element<V>* to, Index row_stride) const noexcept {
        each([&](auto r, auto v) FORWARDPASS_UNROLLED { V::store(to + r * row_stride + v * V::lanes, at[r][v]); });
    }
    FORWARDPASS_INLINE void add_stored(const Element<V>* from, Index row_stride) noexcept {
        Sums before;
        before.load(from, row_stride);
        add_to(before);
    }
};

// Where the sums of a group and the total wait for the next superblock.
template <class T>
struct Kept {
    T *group, *total;
    Index row_stride;
};

// What becomes of the sum of a group up to superblock `number` of `count`: it waits for the next superblock, or is
// added to the total. Of the last superblock `sum` becomes the sum of all.
template <class V, int rows, int vectors>
FORWARDPASS_INLINE void close_group(Index number, Index count, Sums<V, rows, vectors>& sum,
                                    const Kept<Element<V>>& kept) noexcept {
    const bool last = number + 1 == count;
    if (!last && (number + 1) % superblocks_in_group > 0) return sum.store(kept.group, kept.row_stride);
    if (number >= superblocks_in_group) sum.add_stored(kept.total, kept.row_stride);
    if (!last) sum.store(kept.total, kept.row_stride);
}

// The same for the sum of the superblock alone.
template <class V, int rows, int vectors>
FORWARDPASS_INLINE void close_superblock(Index number, Index count, Sums<V, rows, vectors>& sum,
                                         const Kept<Element<V>>& kept) noexcept {
    if (number % superblocks_in_group > 0) sum.add_stored(kept.group, kept.row_stride);
    close_group<V>(number, count, sum, kept);
}

}  // namespace
}  // namespace forwardpass
