// Calls whose work threads share while their results are looked at: that no thread writes where another does, or after
// the call; and that the caller's floating-point environment changes no bit on any way through the library.
#pragma once

#include <atomic>
#include <cfenv>
#include <memory>
#include <thread>

#include "checker.hpp"
#include "float_control.hpp"
#include "network/network.hpp"
#include "network/unpacked.hpp"
#include "threads/pool.hpp"

namespace forwardpass {

// A layer of several panels, slices and superblocks for its threads to meet in, called in a loop, where its workers
// are awake; each result is looked at at once.
template <class T>
void check_shared_panels(Checker<T>& c) {
    current.bias = current.relu = false;
    const Index rows = 7, depth = current.depth = 2100, outputs = max_outputs;
    const Values<T> x = c.numbers.template rows<T>(rows, depth), w = c.numbers.template rows<T>(outputs, depth);
    const Values<T> expected = c.reference(x, w, {}, rows, depth, outputs);
    const WeightSource<T> source{w.data(), depth, 1, nullptr};
    const Network<T> network(c.kernels, {std::make_shared<PackedWeights<T>>(c.kernels, source, depth, outputs)});
    for (int call = 0; call < 20; ++call) {
        T* const y = c.start("shared panels", rows, outputs);
        network.run({x.data(), depth, y, c.stride, rows, depth}, 3, never);
        c.check(expected.data(), outputs);
    }
}

// Several threads call one network at the same time: each gets its own results, all of them.
template <class T>
void check_concurrent_calls(Checker<T>& c) {
    current.bias = current.relu = false;
    const Index rows = 5, depth = current.depth = 530, outputs = max_outputs;
    c.finite = true;  // what is not written is NaN
    const Values<T> x = c.values(rows, depth), w = c.values(outputs, depth);
    c.finite = false;
    const Values<T> expected = c.reference(x, w, {}, rows, depth, outputs);
    const WeightSource<T> source{w.data(), depth, 1, nullptr};
    const Network<T> network(c.kernels, {std::make_shared<PackedWeights<T>>(c.kernels, source, depth, outputs)});
    c.start("concurrent calls", rows, outputs);
    std::atomic<int> wrong{0};
    const auto call = [&] {
        Values<T> y(expected.size());
        for (int i = 0; i < 30; ++i) {
            std::fill(y.begin(), y.end(), std::numeric_limits<T>::quiet_NaN());
            network.run({x.data(), depth, y.data(), outputs, rows, depth}, 3, never);
            if (y != expected) ++wrong;
        }
    };
    std::thread others[] = {std::thread(call), std::thread(call), std::thread(call)};
    for (std::thread& other : others) other.join();
    c.check(wrong == 0);
}

// A job that starts while another one is running, here certainly: every chunk of both runs once.
template <class T>
void check_overlapping_jobs(Checker<T>& c) {
    constexpr Index chunks = 8;
    std::atomic<int> outer[chunks] = {}, inner[chunks] = {};
    auto stop = [] { return false; };
    c.start("overlapping jobs", 1, chunks);
    run_chunks(
        chunks, 3, Wakes::never,
        [&](Index chunk, int) noexcept {
            ++outer[chunk];
            run_chunks(chunks, 3, Wakes::never, [&](Index other, int) noexcept { ++inner[other]; }, stop);
        },
        stop);
    bool right = true;
    for (Index chunk = 0; chunk < chunks; ++chunk) right &= outer[chunk] == 1 && inner[chunk] == chunks;
    c.check(right);
}

// The rounding mode and flush-to-zero of the caller, where panels are shared, and where weights are packed in a call.
template <class T>
void check_float_environment_of_shared_calls(Checker<T>& c) {
    const std::uint64_t standard = float_control();
    current.bias = current.relu = false;
    const Index rows = 5, depth = current.depth = 530, outputs = max_outputs;
    const Values<T> x = c.numbers.template rows<T>(rows, depth), w = c.numbers.template rows<T>(outputs, depth);
    const Values<T> expected = c.reference(x, w, {}, rows, depth, outputs);
    const WeightSource<T> source{w.data(), depth, 1, nullptr};
    const Network<T> network(c.kernels, {std::make_shared<PackedWeights<T>>(c.kernels, source, depth, outputs)});
    for (int mode = 0; mode < 4; ++mode) {
        for (const bool packed : {false, true}) {
            T* const y =
                c.start(packed ? "float environment, shared panels" : "float environment, packing", rows, outputs);
            if (mode & 1) std::fesetround(FE_UPWARD);
            if (mode & 2) set_float_control(float_control() | flush_to_zero);
            const std::uint64_t before = float_control();
            if (packed) network.run({x.data(), depth, y, c.stride, rows, depth}, 3, never);
            else run_unpacked<T>(c.kernels, {source, depth, outputs, {}, x.data(), depth, y, c.stride, rows}, never);
            const bool as_before = float_control() == before;
            std::fesetround(FE_TONEAREST);
            set_float_control(standard);
            c.check(as_before && c.holds(expected.data(), outputs));
        }
    }
}

}  // namespace forwardpass
