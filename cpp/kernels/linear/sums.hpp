// Sums in registers, and how the sums of superblocks and groups are added, in the order of order.hpp.
#pragma once

#include "kernels/layout/panel.hpp"
#include "kernels/vector.hpp"

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
    FORWARDPASS_INLINE void add(const Sums& next) noexcept {
        each([&](auto r, auto v) FORWARDPASS_UNROLLED { at[r][v] = V::add(at[r][v], next.at[r][v]); });
    }
    FORWARDPASS_INLINE void load(const Element<V>* from, Index row_stride) noexcept {
        each([&](auto r, auto v) FORWARDPASS_UNROLLED { at[r][v] = V::load(from + r * row_stride + v * V::lanes); });
    }
    FORWARDPASS_INLINE void store(Element<V>* to, Index row_stride) const noexcept {
        each([&](auto r, auto v) FORWARDPASS_UNROLLED { V::store(to + r * row_stride + v * V::lanes, at[r][v]); });
    }
    // These sums come after the stored ones in the order, so they are the right operands.
    FORWARDPASS_INLINE void add_to_stored(const Element<V>* from, Index row_stride) noexcept {
        Sums sum;
        sum.load(from, row_stride);
        sum.add(*this);
        *this = sum;
    }
};

// Where the sums of a group and the total wait for the next superblock.
template <class T>
struct Kept {
    T *group, *total;
    Index row_stride;
};

// Adds the sum of superblock `number` of `count`, and the sums of the `several` - 1 superblocks behind it, which
// next(1), next(2), ... give. All are of one group. The group's sum then waits for the next superblock, or is added to
// the total. After the last superblock, `sum` is the sum of all.
template <int several = 1, class V, int rows, int vectors, class Next>
FORWARDPASS_INLINE void close_superblocks(Index number, Index count, Sums<V, rows, vectors>& sum,
                                          const Kept<Element<V>>& kept, const Next& next) noexcept {
    if (number % superblocks_in_group > 0) sum.add_to_stored(kept.group, kept.row_stride);
    unrolled<several - 1>([&](auto b) FORWARDPASS_UNROLLED { sum.add(next(b + 1)); });
    const Index closed = number + several;
    const bool last = closed == count;
    if (!last && closed % superblocks_in_group > 0) return sum.store(kept.group, kept.row_stride);
    if (closed > superblocks_in_group) sum.add_to_stored(kept.total, kept.row_stride);
    if (!last) sum.store(kept.total, kept.row_stride);
}

template <class V, int rows, int vectors>
FORWARDPASS_INLINE void close_superblock(Index number, Index count, Sums<V, rows, vectors>& sum,
                                         const Kept<Element<V>>& kept) noexcept {
    close_superblocks(number, count, sum, kept, [](int) {});
}

}  // namespace
}  // namespace forwardpass
