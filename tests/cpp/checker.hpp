// What every check needs: numbers, arrays at forbidden pages, the reference and the count of failures.
#pragma once

#include <algorithm>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "guarded.hpp"
#include "kernels/contract.hpp"
#include "numbers.hpp"

namespace forwardpass {

// Which case it is: its check, the part of it that has random numbers of its own, and its number in that part.
struct Place {
    std::string dtype, check;
    Index part = 0, number = 0;
};

// What runs just now, for the message of a failure.
struct Case {
    const char *isa, *dtype, *kernel, *layout;
    Index rows, outputs, depth;
    bool bias, relu;
    Flush flush;
    const char* check;
    Index part, number;
};
inline Case current;

// What the program was told.
struct Asked {
    const char* program = "";
    Index quick = 1;
    Place only;  // where its check is empty: all of them
};
inline Asked asked;

inline void print_case(const char* what) {
    std::printf("%s: %s %s %s, weights %s, rows %td, outputs %td, depth %td, bias %d, relu %d, flush %s\n", what,
                current.isa, current.dtype, current.kernel, current.layout, current.rows, current.outputs,
                current.depth, current.bias, current.relu, current.flush == Flush::right ? "right" : "left");
    std::printf("again: %s %s --quick %td --case %s:%s:%td:%td\n", asked.program, current.isa, asked.quick,
                current.dtype, current.check, current.part, current.number);
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
    Checker(const KernelTable& table, const Kernels<T>& the_kernels) : kernels(the_kernels), table_(table) {}

    // Starts a part of a check, whose cases are the same whatever ran before it. False: only others were asked for.
    bool begin(const char* check, Index part) {
        const char* const dtype = sizeof(T) == 4 ? "float32" : "float64";
        current = {table_.name, dtype, "", "C", 0, 0, 0, false, false, Flush::left, check, part, 0};
        numbers = Numbers(static_cast<std::uint64_t>(part));
        finite = false;
        const Place& only = asked.only;
        return only.check.empty() || (only.dtype == dtype && only.check == check && only.part == part);
    }
    // Whether the case that was started last is one to run.
    bool is_asked() const { return asked.only.check.empty() || asked.only.number == current.number; }

    // Whether to run a case that costs as much as `cost` small ones: a fixed random schedule.
    bool kept(Index cost) { return numbers.below(asked.quick * cost) == 0; }

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
        ++current.number;
        stride = outputs + numbers.below(4);
        return y.prepare(rows, outputs, stride, current.flush);
    }

    void check(bool right) {
        if (!is_asked()) return;
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
    const KernelTable& table_;
};

}  // namespace forwardpass
