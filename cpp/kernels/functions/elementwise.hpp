// Additions over whole arrays, which no layer could fuse.
#pragma once

#include "kernels/vector.hpp"

namespace forwardpass {
namespace {

template <class V>
void add(const Element<V>* a, const Element<V>* b, Element<V>* y, Index count) noexcept {
    Index i = 0;
    for (; i + V::lanes <= count; i += V::lanes) V::store(y + i, V::add(V::load(a + i), V::load(b + i)));
    for (; i < count; ++i) y[i] = a[i] + b[i];
}

}  // namespace
}  // namespace forwardpass
