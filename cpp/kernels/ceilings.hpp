// The most that this machine can do with one instruction set. Benchmarks state speeds as shares of it.
#pragma once

#include "kernels/contract.hpp"
#include "kernels/unrolled.hpp"
#include "kernels/vector.hpp"

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

// The sum of all elements, read as `streams` equal parts side by side, and then the rest.
template <class V, int streams>
Element<V> sum_of_streams(const Element<V>* data, Index count) noexcept {
    using T = Element<V>;
    constexpr int sums = 8, in_stream = sums / streams;
    constexpr Index step = in_stream * V::lanes;
    const Index part = count / (streams * step) * step;
    Register<V> sum[sums];
    unrolled<sums>([&](auto s) FORWARDPASS_UNROLLED { sum[s] = V::broadcast(0); });
    for (Index i = 0; i < part; i += step)
        unrolled<sums>([&](auto s) FORWARDPASS_UNROLLED {
            sum[s] = V::add(sum[s], V::load(data + s / in_stream * part + i + s % in_stream * V::lanes));
        });
    for (int s = 1; s < sums; ++s) sum[0] = V::add(sum[0], sum[s]);
    T out[V::lanes];
    V::store(out, sum[0]);
    for (Index i = streams * part; i < count; ++i) out[0] = out[0] + data[i];
    return out[0];
}

// CPUs and caches differ in which number of read_streams is fastest. A benchmark takes the fastest of all.
template <class V>
Element<V> read_sum(const Element<V>* data, Index count, Index streams) noexcept {
    return streams == 8   ? sum_of_streams<V, 8>(data, count)
           : streams == 4 ? sum_of_streams<V, 4>(data, count)
           : streams == 2 ? sum_of_streams<V, 2>(data, count)
                          : sum_of_streams<V, 1>(data, count);
}

}  // namespace
}  // namespace forwardpass
