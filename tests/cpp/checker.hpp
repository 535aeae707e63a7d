// What every check needs: numbers, arrays at forbidden pages, the reference and the count of failures.
#pragma once

#include <algorithm>
#include <cstdio>
#include <limits>
#include <vector>

#include "guarded.hpp"
#include "kernels/contract.hpp"
#include "kernels/reference.hpp"
#include "numbers.hpp"

namespace forwardpass {

// What runs just now, for the message of a failure.
struct Case {
    const char *isa, *dtype, *kernel, *layout;
    Index rows, outputs, depth;
    bool bias, relu;
    Flush flush;
};
inline Case current;

inline void print_case(const char* what) {
    std::printf("%s: %s %s %s, weights %s, rows %td, outputs %td, depth %td, bias %d, relu %d, flush %s\n", what,
                current.isa, current.dtype, current.kernel, current.layout, current.rows, current.outputs,
                current.depth, current.bias, current.relu, current.flush == Flush::right ? "right" : "left");
    std::fflush(stdout);
}

inline Activation activation() { return {current.relu ? Function::relu : Function::identity}; }

inline bool never() { return false; }

constexpr Index max_rows = 35, max_outputs = 130, max_depth = 8194;
// The largest array: weights of max_outputs x max_depth with gaps between the outputs.
constexpr std::size_t arena_bytes = std::size_t{2 * max_outputs + 1} * (max_depth + 1) * sizeof(double);

template <class T>
using Values = std::vector<T>;

template <class T>
class Checker {
public:
    Checker(const KernelTable& table, const Kernels<T>& the_kernels, Index quick)
        : kernels(the_kernels), quick_(quick) {
        current = {table.name, sizeof(T) == 4 ? "float32" : "float64", "", "", 0, 0, 0, false, false, Flush::left};
    }

    // Whether to run a case that costs as much as `cost` small ones: a fixed random schedule.
    bool kept(Index cost) { return numbers.below(quick_ * cost) == 0; }

    // Of all kinds, or where `finite` is set between -1 and 1: a NaN of one layer is NaN in every output of the next.
    Values<T> values(Index rows, Index columns) {
        if (!finite) return numbers.template rows<T>(rows, columns);
        Values<T> all(static_cast<std::size_t>(rows * columns));
        for (T& value : all) value = static_cast<T>(numbers.below(2001) - 1000) / 1000;
        return all;
    }

    // (rows, outputs) for the kernel to write to, `stride` apart.
    T* start(const char* kernel, Index rows, Index outputs) {
        current.kernel = kernel, current.rows = rows, current.outputs = outputs;
        stride = outputs + numbers.below(4);
        return y.prepare(rows, outputs, stride, current.flush);
    }

    void check(bool right) {
        ++cases;
        if (!right && ++wrong <= 5) print_case("wrong");
    }
    bool holds(const T* expected, Index expected_stride) const {
        return y.holds(expected, expected_stride, same_bits<T>);
    }
    void check(const T* expected, Index expected_stride) { check(holds(expected, expected_stride)); }

    static Values<T> reference(const Values<T>& x, const Values<T>& w, const Values<T>& bias, Index rows, Index depth,
                               Index outputs) {
        Values<T> expected(static_cast<std::size_t>(rows * outputs));
        reference_linear(x.data(), w.data(), current.bias ? bias.data() : nullptr, expected.data(), rows, depth,
                         outputs, activation());
        return expected;
    }

    // A strided copy; what lies between its elements is NaN.
    static T* place(GuardedArena& arena, const Values<T>& from, Index rows, Index columns, Index row_stride,
                    Index stride = 1) {
        const Index count = rows * columns == 0 ? 0 : (rows - 1) * row_stride + (columns - 1) * stride + 1;
        T* const to = arena.place<T>(count, current.flush);
        std::fill_n(to, count, std::numeric_limits<T>::quiet_NaN());
        const T* value = from.data();
        for (Index r = 0; r < rows; ++r)
            for (Index k = 0; k < columns; ++k) to[r * row_stride + k * stride] = *value++;
        return to;
    }

    const Kernels<T>& kernels;
    Numbers numbers;
    GuardedArena x{arena_bytes}, w{arena_bytes}, bias{arena_bytes}, panels{arena_bytes}, scratch{arena_bytes};
    GuardedOutput<T> y{arena_bytes};
    Index stride = 0;  // between the rows of y
    bool finite = false;
    Index cases = 0, wrong = 0;

private:
    const Index quick_;
};

}  // namespace forwardpass
