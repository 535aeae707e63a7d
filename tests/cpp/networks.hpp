// Networks of several layers, the elementwise kernels, and what a grid of shapes does not find.
#pragma once

#include <cfenv>
#include <cmath>
#include <memory>
#include <new>
#include <thread>

#include "allocations.hpp"
#include "checker.hpp"
#include "float_control.hpp"
#include "network/network.hpp"
#include "network/unpacked.hpp"

namespace forwardpass {

template <class T>
T relu_of(T y) {
    return y > 0 || std::isnan(y) ? y : T{0};
}

template <class T>
void check_elementwise(Checker<T>& c) {
    for (Index count = 0; count <= 67; ++count) {
        for (int round = 0; round < 8; ++round) {
            current.flush = round & 1 ? Flush::right : Flush::left, current.relu = round & 2;
            const bool in_place = round & 4;
            const Values<T> a = c.numbers.template rows<T>(count, 1), b = c.numbers.template rows<T>(count, 1);
            Values<T> activated = a, sums = a;
            for (std::size_t i = 0; i < a.size(); ++i) {
                if (current.relu) activated[i] = relu_of(a[i]);
                sums[i] = a[i] + b[i];
            }
            const T* const a_at = c.place(c.x, a, 1, count, count, 1);
            const T* const b_at = c.place(c.w, b, 1, count, count, 1);
            T* y = c.start("activate", 1, count);
            if (in_place) std::copy_n(a_at, count, y);
            c.kernels.activate(activation(), in_place ? y : a_at, y, count);
            c.check(activated.data(), count);
            y = c.start("add", 1, count);
            if (in_place) std::copy_n(a_at, count, y);
            c.kernels.add(in_place ? y : a_at, b_at, y, count);
            c.check(sums.data(), count);
        }
    }
}

// A layer of random weights, and what it makes of x.
template <class T>
Values<T> add_layer(Checker<T>& c, std::vector<Layer<T>>& layers, const Values<T>& x, Index rows, Index depth,
                    Index outputs) {
    const Values<T> w = c.values(outputs, depth), bias = c.values(outputs, 1);
    const WeightSource<T> source{w.data(), depth, 1, current.bias ? bias.data() : nullptr};
    layers.push_back(std::make_shared<PackedWeights<T>>(c.kernels, source, depth, outputs));
    layers.push_back(activation());
    return c.reference(x, w, bias, rows, depth, outputs);
}

// Several layers, in one tile of rows or several, with and without activations of their own.
template <class T>
void check_networks(Checker<T>& c) {
    for (Index n = 0; n < 300; ++n) {
        const bool many_rows = n % 8 == 0;
        if (!c.kept(1)) continue;
        c.finite = n & 2;
        current.flush = n & 1 ? Flush::right : Flush::left;
        const Index rows = 1 + c.numbers.below(many_rows ? 250 : 20), in = 1 + c.numbers.below(80);
        Values<T> x = c.values(rows, in);
        const Index x_stride = in + c.numbers.below(3);
        const T* const x_at = c.place(c.x, x, rows, in, x_stride, 1);
        std::vector<Layer<T>> layers;
        Index width = in;
        for (Index left = 1 + c.numbers.below(5); left > 0; --left) {
            current.relu = c.numbers.below(2), current.bias = c.numbers.below(2);
            if (c.numbers.below(4) > 0) {
                const Index outputs = 1 + c.numbers.below(many_rows ? 40 : 140);
                x = add_layer(c, layers, x, rows, width, outputs);
                width = outputs;
            } else {
                layers.push_back(activation());
                if (current.relu) std::transform(x.begin(), x.end(), x.begin(), relu_of<T>);
            }
        }
        current.depth = in;
        T* const y = c.start("Network", rows, width);
        Network<T>(c.kernels, layers)
            .run({x_at, x_stride, y, c.stride, rows, in}, 1 + static_cast<int>(c.numbers.below(3)), never);
        c.check(x.data(), width);
    }
    c.finite = false;
}

// Several superblocks, whose sums and totals every thread keeps apart; and a layer of no outputs in between.
template <class T>
void check_deep_networks(Checker<T>& c) {
    current.bias = true, current.relu = false;
    const Index shapes[][2] = {{2100, 200}, {4100, 70}, {5, 0}};
    for (const auto& shape : shapes) {
        for (const Index rows : {Index{1}, Index{7}, Index{14}}) {
            if (!c.kept(10)) continue;
            const Index depth = current.depth = shape[0];
            const Values<T> x = c.numbers.template rows<T>(rows, depth);
            std::vector<Layer<T>> layers;
            const Values<T> middle = add_layer(c, layers, x, rows, depth, shape[1]);
            const Values<T> expected = add_layer(c, layers, middle, rows, shape[1], 9);
            T* const y = c.start("deep Network", rows, 9);
            Network<T>(c.kernels, layers).run({x.data(), depth, y, c.stride, rows, depth}, 3, never);
            c.check(expected.data(), 9);
        }
    }
}

// The second call of a kind allocates nothing: neither few rows on the stack, nor many, nor shared ones. The most rows
// come first, as they always start the workers; 20 do so only in a loop of calls, perhaps in the second one.
template <class T>
void check_allocations(Checker<T>& c) {
    current.bias = true, current.relu = false;
    const Index width = current.depth = 300, most = 200;
    std::vector<Layer<T>> layers;
    Values<T> x = c.numbers.template rows<T>(most, width);
    for (int i = 0; i < 2; ++i) add_layer(c, layers, x, 0, width, width);
    const Network<T> network(c.kernels, layers);
    for (const Index rows : {most, Index{20}, Index{1}}) {
        for (const int threads : {1, 3}) {
            T* const y = c.start("allocations of Network", rows, width);
            const Batch<T> batch{x.data(), width, y, c.stride, rows, width};
            network.run(batch, threads, never);
            const long before = allocations();
            network.run(batch, threads, never);
            c.check(allocations() == before);
        }
    }
}

// Each allocation fails in turn, from packing to the call: std::bad_alloc, and the next call is right. In threads of
// their own, which keep no memory from an earlier call.
template <class T>
void check_failing_allocations(Checker<T>& c) {
    const Index width = current.depth = 70, most = 200;
    current.bias = true, current.relu = false;
    const Values<T> x = c.numbers.template rows<T>(most, width), w = c.numbers.template rows<T>(width, width);
    const Values<T> bias = c.numbers.template rows<T>(width, 1);
    const Values<T> middle = c.reference(x, w, bias, most, width, width);
    const Values<T> expected = c.reference(middle, w, bias, most, width, width);
    const WeightSource<T> source{w.data(), width, 1, bias.data()};
    for (const Index rows : {Index{1}, Index{20}, most}) {
        for (const int threads : {1, 3}) {
            bool failed = true;
            for (long allowed = 0; failed; ++allowed) {
                T* const y = c.start("failing allocations of Network", rows, width);
                const auto call = [&] {
                    std::vector<Layer<T>> layers;
                    for (int i = 0; i < 2; ++i)
                        layers.push_back(std::make_shared<PackedWeights<T>>(c.kernels, source, width, width));
                    Network<T>(c.kernels, layers).run({x.data(), width, y, c.stride, rows, width}, threads, never);
                };
                std::thread([&] {
                    fail_allocations_after(allowed);
                    try {
                        call();
                        failed = false;
                    } catch (const std::bad_alloc&) {
                    }
                    fail_allocations_after(-1);
                    call();
                }).join();
                c.check((failed || allowed > 0) && c.holds(expected.data(), width));
            }
        }
    }
}

// Where an FMA by way of double rounds twice. Random numbers do not find it, and the reference
// could share the mistake.
template <class T>
void check_double_rounding(Checker<T>& c) {
    if (sizeof(T) != 4) return;
    current.bias = current.relu = false;
    // Neighbours in k belong to other chains: both products are of the first one.
    const Index depth = current.depth = 5;
    const T x[] = {T(1 + 0x1p-23), 0, 0, 0, T(0x1.00001p-12)}, w[] = {1, 0, 0, 0, T(0x0.fffffp-12)};
    const Values<T> expected(max_outputs, x[0]);
    for (const Index outputs : {Index{1}, max_outputs}) {
        Values<T> by_row(5 * expected.size()), fortran(5 * expected.size());
        for (std::size_t j = 0; j < expected.size(); ++j)
            for (std::size_t k = 0; k < 5; ++k) by_row[5 * j + k] = fortran[k * expected.size() + j] = w[k];
        const WeightSource<T> by_rows{by_row.data(), depth, 1, nullptr};
        for (const WeightSource<T>& source : {by_rows, {fortran.data(), 1, max_outputs, nullptr}}) {
            T* y = c.start("double rounding, run_unpacked", 1, outputs);
            run_unpacked<T>(c.kernels, {source, depth, outputs, {}, x, depth, y, c.stride, 1}, never);
            c.check(expected.data(), max_outputs);
        }
        T* const y = c.start("double rounding, Network", 1, outputs);
        Network<T>(c.kernels, {std::make_shared<PackedWeights<T>>(c.kernels, by_rows, depth, outputs)})
            .run({x, depth, y, c.stride, 1, depth}, 1, never);
        c.check(expected.data(), max_outputs);
    }
}

// Sums of nothing but products that underflow to -0.0, on every path: one start from +0.0 would change them.
template <class T>
void check_negative_zeros(Checker<T>& c) {
    current.bias = current.relu = false;
    const T tiny = std::numeric_limits<T>::denorm_min();
    for (const Index depth : {Index{1}, Index{40}, Index{130}, Index{600}, Index{4100}, Index{8200}}) {
        for (const Index outputs : {Index{1}, Index{3}, Index{65}}) {
            for (const Index rows : {Index{1}, Index{20}}) {
                current.depth = depth;
                const Values<T> x(static_cast<std::size_t>(rows * depth), tiny);
                const Values<T> w(static_cast<std::size_t>(outputs * depth), -tiny);
                const Values<T> expected(static_cast<std::size_t>(rows * outputs), T(-0.0));
                const WeightSource<T> source{w.data(), depth, 1, nullptr};
                T* y = c.start("negative zeros, run_unpacked", rows, outputs);
                run_unpacked<T>(c.kernels, {source, depth, outputs, {}, x.data(), depth, y, c.stride, rows}, never);
                c.check(expected.data(), outputs);
                y = c.start("negative zeros, Network", rows, outputs);
                Network<T>(c.kernels, {std::make_shared<PackedWeights<T>>(c.kernels, source, depth, outputs)})
                    .run({x.data(), depth, y, c.stride, rows, depth}, 1, never);
                c.check(expected.data(), outputs);
            }
        }
    }
}

// The caller's rounding mode and flush-to-zero change no bit, and are as they were afterwards.
template <class T>
void check_float_environment(Checker<T>& c) {
    const std::uint64_t standard = float_control();
    const Index rows = 12, depth = current.depth = 67, outputs = 67;
    current.bias = current.relu = false;
    for (int mode = 0; mode < 4; ++mode) {
        const Values<T> x = c.numbers.template rows<T>(rows, depth), w = c.numbers.template rows<T>(outputs, depth);
        const Values<T> expected = c.reference(x, w, {}, rows, depth, outputs);
        const WeightSource<T> source{w.data(), depth, 1, nullptr};
        const Network<T> network(c.kernels, {std::make_shared<PackedWeights<T>>(c.kernels, source, depth, outputs)});
        for (const bool packed : {false, true}) {
            T* const y =
                c.start(packed ? "float environment, Network" : "float environment, run_unpacked", rows, outputs);
            if (mode & 1) std::fesetround(FE_UPWARD);
            if (mode & 2) set_float_control(float_control() | flush_to_zero);
            const std::uint64_t before = float_control();
            if (packed) network.run({x.data(), depth, y, c.stride, rows, depth}, 1, never);
            else
                for (Index r = 0; r < rows; r += 3)  // so few rows are not packed
                    run_unpacked<T>(
                        c.kernels,
                        {source, depth, outputs, {}, x.data() + r * depth, depth, y + r * c.stride, c.stride, 3},
                        never);
            const bool as_before = float_control() == before;
            std::fesetround(FE_TONEAREST);
            set_float_control(standard);
            c.check(as_before && c.holds(expected.data(), outputs));
        }
    }
}

}  // namespace forwardpass
