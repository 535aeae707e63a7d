// Calls from many threads at once, on networks that they share and with helpers from the one pool: each result must
// have the bits of the same call on one thread.
//
//   stress [--seconds N]
//
// Exit code 1: wrong bits, or no helpers. 2: wrong arguments.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "machine/dispatch.hpp"
#include "network/feature_table.hpp"
#include "network/network.hpp"
#include "network/unpacked.hpp"
#include "numbers.hpp"
#include "threads/count.hpp"
#include "threads/pool.hpp"

namespace {

using namespace forwardpass;
using Clock = std::chrono::steady_clock;

constexpr int most_threads = 16;
// Of one phase, which ends with all of its threads: the first one of many, so that they meet where the pool is made.
constexpr int callers_of_phase[] = {32, 1, 2, 8};

bool never() { return false; }

// Writes y on up to so many threads.
template <class T>
using Run = std::function<void(T* y, Index row_stride, int threads)>;

// What a call must give; `right` may be called by many threads.
struct Call {
    const char* name;
    std::function<bool(int threads)> right;
};

// Between -1 and 1: sums stay finite, as NaN would hide what is wrong.
template <class T>
std::vector<T> reals(Numbers& numbers, Index count) {
    std::vector<T> all(static_cast<std::size_t>(count));
    for (T& value : all)
        value = static_cast<T>(static_cast<double>(static_cast<std::int64_t>(numbers.next())) * 0x1p-63);
    return all;
}

template <class T>
Call call_of(const char* name, Index rows, Index outputs, const Run<T>& run) {
    const Index stride = outputs + 3;
    const auto result = [=](int threads) {
        std::vector<T> y(static_cast<std::size_t>(rows * stride), T{-7.5});  // between the rows it stays
        run(y.data(), stride, threads);
        return y;
    };
    const std::vector<T> expected = result(1);
    const bool finite = std::all_of(expected.begin(), expected.end(), [](T y) { return std::isfinite(y); });
    return {name, [=](int threads) {
                const std::vector<T> y = result(threads);
                return finite && std::memcmp(y.data(), expected.data(), y.size() * sizeof(T)) == 0;
            }};
}

// The pool by itself, with chunks so short that threads come and go all the time; two jobs in three may end early.
bool pool_is_right(int threads) {
    if (threads == 0) threads = thread_count();
    constexpr Index chunks = 300;
    for (const Index last : {Index{1}, Index{20}, chunks + 1}) {
        // Not atomic: a thread's number is one thread's at a time, and nothing runs after the return.
        std::vector<int> runs(chunks), of_thread(static_cast<std::size_t>(threads));
        Index own = 0;
        const bool completed = run_chunks(
            chunks, threads, last == 20 ? Wakes::in_a_loop : Wakes::always,
            [&](Index chunk, int thread) {
                ++runs[static_cast<std::size_t>(chunk)];
                ++of_thread[static_cast<std::size_t>(thread)];
            },
            [&] { return ++own == last; });
        const Index all = std::accumulate(runs.begin(), runs.end(), Index{0});
        if (std::any_of(runs.begin(), runs.end(), [](int times) { return times > 1; })) return false;
        if (all != std::accumulate(of_thread.begin(), of_thread.end(), Index{0})) return false;
        if (completed ? all != chunks : own != last) return false;
    }
    return true;
}

template <class T>
class Calls {
public:
    Calls(std::vector<Call>& calls, Numbers& numbers) : calls_(calls), numbers_(numbers) {}

    // The work of a call, (rows + 3) * depth * outputs of all layers, is above work_worth_waking (threads/policy.hpp).
    void add() {
        // Fewer rows than rows_worth_cutting (network.cpp) share panels. Where six of them have many chains
        // (order.hpp), sums wait in the scratch of their thread.
        add_chain("panels", 17, {1000, 1024, 70, 500});
        add_chain("panels, superblocks", 6, {2500, 900, 2100});
        add_chain("panels, one row", 1, {2100, 2048});
        add_chain("panels, x in chain order", 17, {131, 4200});
        // More rows, and weights that fit any L2: in workspace on the heap and, from 8 threads on, on the stack.
        add_chain("rows", 400, {200, 190, 60});
        add_chain("rows, small layers", 1000, {128, 100, 40});
        add_chain("rows, one output", 3000, {2100, 1});
        add_residual("rows, all kinds of steps", 400, 110);
        add_residual("panels, all kinds of steps", 13, 700);
        add_unpacked("unpacked", 2, 2100, 2048);
        add_unpacked("unpacked, packing", 50, 700, 520);
    }

private:
    Layer<T> weights(Index depth, Index outputs) {
        std::vector<T> w = reals<T>(numbers_, depth * outputs);
        for (T& value : w) value *= static_cast<T>(2 / std::sqrt(static_cast<double>(depth)));
        const std::vector<T> bias = reals<T>(numbers_, outputs);
        const WeightSource<T> source{w.data(), depth, 1, bias.data()};
        return std::make_shared<PackedWeights<T>>(kernels_, source, depth, outputs);
    }
    void add_network(const char* name, Index rows, Index width, Index outputs, const std::vector<Layer<T>>& layers) {
        const auto network = std::make_shared<const Network<T>>(kernels_, layers);
        const auto x = std::make_shared<const std::vector<T>>(reals<T>(numbers_, rows * width));
        calls_.push_back(call_of<T>(name, rows, outputs, [=](T* y, Index row_stride, int threads) {
            network->run({x->data(), width, y, row_stride, rows, width}, threads, never);
        }));
    }
    void add_chain(const char* name, Index rows, const std::vector<Index>& widths) {
        std::vector<Layer<T>> layers;
        for (std::size_t i = 1; i < widths.size(); ++i) {
            layers.push_back(weights(widths[i - 1], widths[i]));
            layers.push_back(Activation{Function::relu});
        }
        add_network(name, rows, widths.front(), widths.back(), layers);
    }
    void add_residual(const char* name, Index rows, Index width) {
        const Index outputs = 130;
        const std::vector<double> ones(static_cast<std::size_t>(width), 1), zeros(static_cast<std::size_t>(width), 0);
        const FeatureValues values{{zeros.data(), zeros.data()},
                                   {ones.data(), zeros.data()},
                                   {ones.data(), zeros.data()},
                                   zeros.data(),
                                   ones.data()};
        const RowLayer norm{RowFunction::layer_norm, std::make_shared<FeatureTable>(width, values), 1e-5};
        add_network(name, rows, width, outputs,
                    {norm, Residual::begin, weights(width, width), Activation{Function::gelu}, weights(width, width),
                     Residual::end, Activation{Function::silu}, norm, weights(width, outputs),
                     RowLayer{RowFunction::softmax, nullptr}});
    }
    void add_unpacked(const char* name, Index rows, Index depth, Index outputs) {
        const auto x = std::make_shared<const std::vector<T>>(reals<T>(numbers_, rows * depth));
        const auto w = std::make_shared<const std::vector<T>>(reals<T>(numbers_, depth * outputs));
        calls_.push_back(call_of<T>(name, rows, outputs, [=, &kernels = kernels_](T* y, Index row_stride, int threads) {
            const WeightSource<T> source{w->data(), depth, 1, nullptr};
            run_unpacked<T>(kernels, {source, depth, outputs, {}, x->data(), depth, y, row_stride, rows, threads},
                            never);
        }));
    }

    const Kernels<T>& kernels_ = kernels_of<T>(chosen_table());
    std::vector<Call>& calls_;
    Numbers& numbers_;
};

class Stress {
public:
    explicit Stress(std::vector<Call> calls) : calls_(std::move(calls)) {}

    // `callers` threads, until that time or a wrong result.
    void phase(int callers, Clock::time_point end) {
        std::atomic<int> waiting{callers};
        std::vector<std::thread> threads;
        for (int i = 0; i < callers; ++i) {
            threads.emplace_back([&, numbers = numbers_]() mutable {
                for (waiting.fetch_sub(1); waiting.load() > 0;) std::this_thread::yield();
                do one(numbers);
                while (Clock::now() < end && right());
            });
            for (int skipped = 0; skipped < 10'000; ++skipped) numbers_.next();  // the next one has others
        }
        for (std::thread& thread : threads) thread.join();
    }
    bool right() const { return wrong_.load(relaxed) == 0; }
    long done() const { return done_.load(relaxed); }

private:
    // The counts order nothing: TSan would take each thread's last call to be over before another one's next.
    static constexpr auto relaxed = std::memory_order_relaxed;

    // A random call on a random number of threads, which it is told, or finds in the setting.
    void one(Numbers& numbers) {
        const Call& call = calls_[static_cast<std::size_t>(numbers.below(static_cast<Index>(calls_.size())))];
        const int threads = 1 + static_cast<int>(numbers.below(most_threads));
        set_thread_count(static_cast<int>(numbers.below(most_threads + 1)));
        const bool is_right = call.right(numbers.below(2) == 0 ? threads : 0);
        done_.fetch_add(1, relaxed);
        if (!is_right && wrong_.fetch_add(1, relaxed) < 5) std::printf("wrong: %s, %d threads\n", call.name, threads);
    }

    const std::vector<Call> calls_;
    Numbers numbers_;
    std::atomic<long> done_{0};
    std::atomic<long> wrong_{0};
};

}  // namespace

int main(int argc, char** argv) {
    long seconds = 5;
    if (argc == 3 && std::string(argv[1]) == "--seconds") seconds = std::strtol(argv[2], nullptr, 10);
    else if (argc != 1) seconds = 0;
    if (seconds < 1) {
        std::fprintf(stderr, "usage: stress [--seconds N], N >= 1\n");
        return 2;
    }
    Numbers numbers;
    std::vector<Call> calls;
    Calls<float>(calls, numbers).add();
    Calls<double>(calls, numbers).add();

    calls.push_back({"the pool alone", pool_is_right});

    Stress stress(std::move(calls));
    const Clock::time_point start = Clock::now(), end = start + std::chrono::seconds(seconds);
    for (std::size_t i = 0; stress.right() && (i < std::size(callers_of_phase) || Clock::now() < end); ++i)
        stress.phase(callers_of_phase[i % std::size(callers_of_phase)],
                     std::min(end, Clock::now() + std::chrono::milliseconds(500)));
    const bool alone = pool_is_right(most_threads), helped = worker_count() >= most_threads - 1;
    const bool right = stress.right() && alone && helped;
    std::printf("stress %s: %ld calls in %.1f s, %d helpers: %s\n", chosen_table().name, stress.done(),
                std::chrono::duration<double>(Clock::now() - start).count(), worker_count(),
                right ? "0 wrong" : "WRONG");
    return right ? 0 : 1;
}
