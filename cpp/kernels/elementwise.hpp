// Activations and additions over whole arrays, for what no layer fuses.
#pragma once

#include "activations.hpp"

namespace forwardpass {
namespace {

template <class V>
typename V::Register load_first(const typename V::Element* from, Index count) noexcept {
    typename V::Element values[V::lanes] = {};
    for (Index i = 0; i < count; ++i) values[i] = from[i];
    return V::load(values);
}

template <class V>
void activate(Activation activation, const typename V::Element* x, typename V::Element* y, Index count) noexcept {
    Index i = 0;
    for (; i + V::lanes <= count; i += V::lanes) V::store(y + i, activated<V>(activation, V::load(x + i)));
    if (i < count) V::store_partial(y + i, activated<V>(activation, load_first<V>(x + i, count - i)), count - i);
}

template <class V>
void add(const typename V::Element* a, const typename V::Element* b, typename V::Element* y, Index count) noexcept {
    Index i = 0;
    for (; i + V::lanes <= count; i += V::lanes) V::store(y + i, V::add(V::load(a + i), V::load(b + i)));
    for (; i < count; ++i) y[i] = a[i] + b[i];
}

}  // namespace
}  // namespace forwardpass
