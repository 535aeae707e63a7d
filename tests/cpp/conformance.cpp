// Every kernel of every instruction set that runs here against reference_linear, bit for bit (NaN
// for NaN), over a grid of shapes.
//
//   conformance [isa] [--quick N]     one instruction set only; about one case in N, for emulators
//
// Exit code 0, 1 for wrong bits, a write or a read outside the arrays, 2 for a wrong argument.
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <limits>
#include <string>
#include <type_traits>

#include "dispatch.hpp"
#include "float_control.hpp"
#include "guarded.hpp"
#include "kernels/order.hpp"
#include "kernels/reference.hpp"
#include "network.hpp"
#include "numbers.hpp"
#include "unpacked.hpp"

namespace {

using namespace forwardpass;

// The reference kernel takes these from order.hpp, as the kernels do.
static_assert(block_length(1) == 8 && block_length(32) == 8 && block_length(33) == 16 && block_length(96) == 24 &&
              block_length(97) == 32 && block_length(4100) == 32 && blocks_per_superblock == 64);

constexpr Index max_rows = 13, max_outputs = 130, max_depth = 4100;
constexpr std::size_t arena_bytes = std::size_t{2 * max_outputs + 8} * (max_depth + 2) * sizeof(double);

bool never() { return false; }

// What is running, for the message about a failure.
struct Case {
    const char *isa, *dtype, *kernel, *layout;
    Index rows, outputs, depth;
    bool biased, relu, right;
};
Case current{};

void print_case(const char* what) {
    std::printf("%s: %s %s %s, rows %td, outputs %td, depth %td, weights %s, bias %d, relu %d, flush %s\n", what,
                current.isa, current.dtype, current.kernel, current.rows, current.outputs, current.depth,
                current.layout, current.biased, current.relu, current.right ? "right" : "left");
}

void on_signal(int number) {
    print_case(number == SIGILL ? "illegal instruction" : "access outside the arrays");
    std::fflush(stdout);
    std::_Exit(1);
}

template <class T>
struct Matrix {  // (max_outputs, depth) weights as one of the layouts
    const char* name;
    Index output_stride, depth_stride;
    T* w;
};

template <class T>
class Conformance {
public:
    Conformance(const KernelTable& table, Index quick) : kernels_(kernels_of<T>(table)), quick_(quick) {
        current = {};
        current.isa = table.name;
        current.dtype = sizeof(T) == 4 ? "float32" : "float64";
    }

    void run() {
        for (Index depth = 0; depth <= max_depth; ++depth) {
            constexpr Index deep[][2] = {{0, 67}, {95, 97}, {127, 129}, {255, 257}, {2047, 2050}, {2080, 2080}, {4100, 4100}};
            for (const auto& range : deep)
                if (depth >= range[0] && depth <= range[1])
                    for (const Flush flush : {Flush::left, Flush::right}) shapes(depth, flush);
        }
        elementwise();
        networks();
        double_rounding();
        float_environment();
        std::printf("%s %s: %td cases, %td wrong\n", current.isa, current.dtype, cases_, wrong_);
        std::fflush(stdout);
    }

    Index cases() const { return cases_; }
    Index wrong() const { return wrong_; }

private:
    void check(bool right) {
        ++cases_;
        if (right) return;
        if (++wrong_ <= 5) print_case("wrong");
    }
    void check(const T* expected, Index expected_stride) { check(y_.holds(expected, expected_stride, same_bits<T>)); }

    // Whether to run a case that costs as much as `cost` small ones: a fixed random schedule.
    bool kept(Index cost) { return numbers_.below(quick_ * cost) == 0; }

    // All rows and outputs of one depth, from one set of values.
    void shapes(Index depth, Flush flush) {
        const bool right = flush == Flush::right;
        // Large depths are thinned: as many multiplications for each as for 68 steps.
        const Index cost = 1 + depth / 68;
        current.depth = depth, current.right = right;
        // Both sides of a depth take the opposite choice; four depths in a row take all.
        current.biased = (depth + right) % 2 == 0, current.relu = (depth / 2 + right) % 2 == 0;
        activation_ = current.relu ? Activation::relu : Activation::identity;

        values_x_ = numbers_.rows<T>(max_rows, depth);
        values_w_ = numbers_.rows<T>(max_outputs, depth);
        values_bias_ = numbers_.rows<T>(max_outputs, 1);
        expected_.resize(max_rows * max_outputs);
        reference_linear(values_x_.data(), values_w_.data(), current.biased ? values_bias_.data() : nullptr,
                         expected_.data(), max_rows, depth, max_outputs, activation_);

        const Index x_stride = depth + numbers_.below(3);
        T* const x = place(x_arena_, values_x_.data(), max_rows, depth, x_stride, 1, flush);
        T* const bias = place(bias_arena_, values_bias_.data(), max_outputs, 1, 1, 1, flush);
        Matrix<T> layouts[] = {{"C", depth + numbers_.below(3), 1, nullptr},
                               {"Fortran", 1, max_outputs + numbers_.below(3), nullptr},
                               {"strided", 2, 2 * max_outputs + 1, nullptr}};
        for (int i = 0; i < 3; ++i)
            layouts[i].w = place(w_arena_[i], values_w_.data(), max_outputs, depth, layouts[i].output_stride,
                                 layouts[i].depth_stride, flush);

        for (Index outputs = 0; outputs <= max_outputs; outputs += outputs == 67 ? 60 : 1) {
            current.outputs = outputs;
            // At the right page the last outputs and rows, at the left page the first.
            const Index first = right ? max_outputs - outputs : 0;
            const T* const biases = current.biased ? bias + first : nullptr;
            for (const Matrix<T>& layout : layouts) {
                const WeightSource<T> source{layout.w + first * layout.output_stride, layout.output_stride,
                                             layout.depth_stride, biases};
                current.layout = layout.name;
                if (kept(cost)) check(pack(source, first, flush));
                if (kept(cost)) unpacked_row(source, x, x_stride, first, flush);
                if (kept(4 * cost)) unpacked(source, x, x_stride, first, flush);
            }
            packed_ = false;
            for (Index rows = 0; rows <= max_rows; ++rows)
                if (kept(cost)) linear({layouts[rows % 3].w + first * layouts[rows % 3].output_stride,
                    layouts[rows % 3].output_stride, layouts[rows % 3].depth_stride, biases}, x, x_stride, first, rows, flush);
        }
    }
