// What this machine can do at most with one instruction set, for the benchmarks to divide by.
#pragma once

#include "contract.hpp"
#include "vector.hpp"

namespace forwardpass {
namespace {

// 12 independent chains: more than latency * throughput = 8, few enough for 16 registers.
constexpr int burst_chains = 12;

template <class V>
Element<V> fma_burst(Index steps) noexcept {
    using T = Element<V>;
    const auto factor = V::broadcast(static_cast<T>(0.999)), term = V::broadcast(static_cast<T>(0.001));
    Register<V> chain[burst_chains];
    for (int c = 0; c < burst_chains; ++c) chain[c] = V::broadcast(static_cast<T>(c));
    for (Index i = 0; i < steps; ++i)
        for (int c = 0; c < burst_chains; ++c) chain[c] = V::fma(chain[c], factor, term);
    for (int c = 1; c < burst_chains; ++c) chain[0] = V::add(chain[0], chain[c]);
    T out[V::lanes];
    V::store(out, chain[0]);
    return out[0];
}

// One stream read from front to back, as a layer's packed weights are for one row. Four streams at
// once read L3 no faster (80.7 against 77.9 GB/s, Zen 3), memory 1.5 times as fast (41 against 27).
template <class V>
Element<V> read_sum(const Element<V>* data, Index count) noexcept {
    using T = Element<V>;
    constexpr int streams = 8;
    Register<V> sum[streams];
    for (int s = 0; s < streams; ++s) sum[s] = V::broadcast(0);
    Index i = 0;
    for (; i + streams * V::lanes <= count; i += streams * V::lanes)
        for (int s = 0; s < streams; ++s) sum[s] = V::add(sum[s], V::load(data + i + s * V::lanes));
    for (int s = 1; s < streams; ++s) sum[0] = V::add(sum[0], sum[s]);
    T out[V::lanes];
    V::store(out, sum[0]);
    for (; i < count; ++i) out[0] = out[0] + data[i];
    return out[0];
}

}  // namespace
}  // namespace forwardpass
