// Activations and functions of rows on every instruction set against the same with one lane, bit for bit: alone, fused
// to a layer, and in networks with residual connections.
#pragma once

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include "checker.hpp"
#include "network/feature_table.hpp"
#include "network/network.hpp"

namespace forwardpass {

constexpr Activation every_activation[] = {{Function::identity},
                                           {Function::relu},
                                           {Function::leaky_relu, 0.01},
                                           {Function::leaky_relu, -2},
                                           {Function::elu, 1},
                                           {Function::elu, 0.3},
                                           {Function::elu, -3e38},
                                           {Function::selu},
                                           {Function::gelu},
                                           {Function::gelu_tanh},
                                           {Function::silu},
                                           {Function::tanh},
                                           {Function::sigmoid},
                                           {Function::softplus, 1, 20},
                                           {Function::softplus, 3, 1},
                                           {Function::softplus, 1e-44, 20},
                                           {Function::softplus, 1e-4, -5},
                                           {Function::softplus, 3e38, 1e38},
                                           {Function::hardtanh, -1, 0.7},
                                           {Function::celu, 1},
                                           {Function::celu, 0.3},
                                           {Function::celu, 1e30},
                                           {Function::mish},
                                           {Function::softsign},
                                           {Function::hardswish},
                                           {Function::hardsigmoid}};
constexpr Index activation_count = static_cast<Index>(sizeof every_activation / sizeof *every_activation);

template <class T>
const Kernels<T>& one_lane() {
    if constexpr (sizeof(T) == 4) return scalar_table.f32;
    else return scalar_table.f64;
}

// Of a size from 2^-6 to 2^9: where the functions bend. In two statements, as compilers evaluate arguments in any
// order.
template <class T>
T bending_number(Numbers& numbers) {
    const double real = static_cast<double>(static_cast<std::int64_t>(numbers.next()));
    return static_cast<T>(std::ldexp(real, static_cast<int>(numbers.below(16)) - 69));
}

// Such numbers, and some of all kinds.
template <class T>
Values<T> bending(Checker<T>& c, Index count) {
    Values<T> values = c.numbers.template rows<T>(1, count);
    for (T& value : values)
        if (c.numbers.below(4) > 0) value = bending_number<T>(c.numbers);
    return values;
}

template <class T>
void check_activations(Checker<T>& c) {
    for (Index count = 0; count <= 67; ++count) {
        for (const Activation& activation : every_activation) {
            if (!c.kept(1)) continue;
            current.flush = c.numbers.below(2) ? Flush::right : Flush::left;
            const Values<T> x = bending(c, count);
            Values<T> expected = x;
            one_lane<T>().activate(activation, x.data(), expected.data(), count);
            const T* const x_at = c.place(c.x, x, 1, count, count, 1);
            T* const y = c.start("activate", 1, count);
            const bool in_place = c.numbers.below(2);
            if (in_place) std::copy_n(x_at, count, y);
            c.kernels.activate(activation, in_place ? y : x_at, y, count);
            c.check(expected.data(), count);
        }
    }
}

// Half of the rows to where their squares under- or overflow, or to where the mean is large beside the deviation.
template <class T>
void move_row(Numbers& numbers, Values<T>& row) {
    using Limits = std::numeric_limits<T>;
    const Index place = numbers.below(6);
    for (T& value : row) {
        if (place == 0) value *= Limits::min();
        else if (place == 1) value *= Limits::max() / 1024;
        else if (place == 2) value += 1 / Limits::epsilon();
    }
}

// Values of features, and where they lie; one set in three has none of some kind.
template <class T>
struct RandomFeatures {
    Values<double> values[given_rows];

    RandomFeatures(Checker<T>& c, Index width) {
        const bool wide = c.numbers.below(4) == 0;
        for (Index row = 0; row < given_rows; ++row)
            for (Index i = 0; i < width; ++i) {
                const double number = static_cast<double>(c.numbers.below(2001) - 1000) / 500;
                const double size = row % 2 == 1 && row < lowest_row ? 0x1p-53 : row == lowest_row ? -40 : 1;
                // Scales beyond float, and of subnormals, have a power of two apart.
                const int power = row == scale_row && wide ? static_cast<int>(c.numbers.below(500)) - 250 : 0;
                values[row].push_back(row == highest_row ? 40 : std::ldexp(size * number, power));
            }
    }
    FeatureValues pointers() const {
        return {{values[center_row].data(), values[center_row + 1].data()},
                {values[scale_row].data(), values[scale_row + 1].data()},
                {values[offset_row].data(), values[offset_row + 1].data()},
                values[lowest_row].data(),
                values[highest_row].data()};
    }
};

constexpr RowFunction every_row_function[] = {RowFunction::affine, RowFunction::layer_norm, RowFunction::rms_norm,
                                              RowFunction::prelu,  RowFunction::softmax,    RowFunction::log_softmax};

template <class T>
void check_row_functions(Checker<T>& c) {
    // Every tail, and long rows.
    std::vector<Index> counts{511, 512, 513, 525, 1023, 1024, 1025, 1037};
    for (Index count = 0; count <= 131; ++count) counts.push_back(count);
    for (const Index count : counts) {
        for (const RowFunction function : every_row_function) {
            if (!c.kept(1)) continue;
            current.flush = c.numbers.below(2) ? Flush::right : Flush::left;
            const Index rows = 1 + c.numbers.below(3);
            Values<T> x = bending(c, rows * count);
            move_row(c.numbers, x);
            Values<T> expected = x;
            const FeatureTable features(count, RandomFeatures<T>(c, count).pointers());
            // On a page's edge, so that nothing behind the last cache line is read.
            const Index stride = features.stride(), size = stride * table_rows;
            double* const table = c.w.template place<double>(size, current.flush);
            if (count > 0) std::copy_n(features.data(), size, table);
            for (Index row = 0; row < table_rows; ++row)
                std::fill(table + row * stride + count, table + (row + 1) * stride,
                          std::numeric_limits<double>::quiet_NaN());
            const double eps[] = {1e-5, 0, 1e-300, 1e300};
            const double chosen = eps[c.numbers.below(4)];
            const RowTask task{function, table, stride, chosen, features.powers(), c.numbers.below(2) == 0};
            one_lane<T>().rows(task, {x.data(), count, expected.data(), count, rows, count});
            const T* const x_at = c.place(c.x, x, rows, count, count, 1);
            T* const y = c.start("rows", rows, count);
            const bool in_place = c.numbers.below(2);
            if (in_place)
                for (Index r = 0; r < rows; ++r) std::copy_n(x_at + r * count, count, y + r * c.stride);
            c.kernels.rows(task, {in_place ? y : x_at, in_place ? c.stride : count, y, c.stride, rows, count});
            c.check(expected.data(), count);
        }
    }
}

// Of one network: its layers, and what each makes of x, one row at a time and one layer after another.
template <class T>
class RandomNetwork {
public:
    RandomNetwork(Checker<T>& checker, Values<T> x, Index rows, Index width)
        : x_(std::move(x)), width_(width), c_(checker), rows_(rows) {}

    void add_layers(Index count, Index nesting) {
        for (; count > 0; --count) {
            const Index kind = c_.numbers.below(nesting < 3 ? 8 : 7);
            if (kind < 3) add_weights(1 + c_.numbers.below(90));
            else if (kind < 5) add_activation(every_activation[c_.numbers.below(activation_count)]);
            else if (kind < 7) add_row_function(every_row_function[c_.numbers.below(6)]);
            else add_residual(nesting + 1);
        }
    }
    void add_activation(const Activation& activation) {
        layers_.push_back(activation);
        one_lane<T>().activate(activation, x_.data(), x_.data(), rows_ * width_);
    }
    void add_weights(Index outputs) {
        current.bias = c_.numbers.below(2), current.relu = false;
        const Values<T> w = c_.values(outputs, width_), b = c_.values(outputs, 1);
        const WeightSource<T> source{w.data(), width_, 1, current.bias ? b.data() : nullptr};
        layers_.push_back(std::make_shared<PackedWeights<T>>(c_.kernels, source, width_, outputs));
        x_ = c_.reference(x_, w, b, rows_, width_, outputs);
        width_ = outputs;
    }
    const std::vector<Layer<T>>& layers() const { return layers_; }
    const Values<T>& expected() const { return x_; }
    Index width() const { return width_; }

private:
    void add_row_function(RowFunction function) {
        const bool has_table = function < RowFunction::softmax;
        RowLayer layer{function, nullptr, 1e-5};
        if (has_table)
            layer.features = std::make_shared<FeatureTable>(width_, RandomFeatures<T>(c_, width_).pointers());
        layers_.push_back(layer);
        const bool any = layer.features != nullptr;
        one_lane<T>().rows({function, any ? layer.features->data() : nullptr, any ? layer.features->stride() : 0,
                            layer.eps, any && layer.features->powers(), any && width_ == 1},
                           {x_.data(), width_, x_.data(), width_, rows_, width_});
    }
    void add_residual(Index nesting) {
        const Values<T> before = x_;
        const Index width = width_;
        layers_.push_back(Residual::begin);
        add_layers(c_.numbers.below(3), nesting);
        add_weights(width);
        if (c_.numbers.below(2)) add_activation(every_activation[c_.numbers.below(activation_count)]);
        layers_.push_back(Residual::end);
        for (std::size_t i = 0; i < x_.size(); ++i) x_[i] += before[i];
    }

    Values<T> x_;
    Index width_;
    Checker<T>& c_;
    Index rows_;
    std::vector<Layer<T>> layers_;
};

template <class T>
void check_all_layers(Checker<T>& c) {
    for (Index n = 0; n < 600; ++n) {
        if (!c.kept(2)) continue;
        c.finite = n & 2;
        current.flush = n & 1 ? Flush::right : Flush::left;
        const Index rows = 1 + c.numbers.below(n % 8 == 0 ? 250 : 20), in = current.depth = 1 + c.numbers.below(80);
        const Values<T> x = c.values(rows, in);
        RandomNetwork<T> made(c, x, rows, in);
        made.add_layers(1 + c.numbers.below(6), 0);
        const Index x_stride = in + c.numbers.below(3);
        const T* const x_at = c.place(c.x, x, rows, in, x_stride, 1);
        T* const y = c.start("Network of all layers", rows, made.width());
        Network<T>(c.kernels, made.layers())
            .run({x_at, x_stride, y, c.stride, rows, in}, 1 + static_cast<int>(c.numbers.below(3)), never);
        c.check(made.expected().data(), made.width());
    }
    c.finite = false;
}

// A fixed sample of everything above as one number (FNV-1a), NaN as NaN: to be compared between machines.
template <class T>
std::uint64_t hash_of_functions(const Kernels<T>& kernels) {
    Numbers numbers;
    std::uint64_t hash = 0xCBF29CE484222325u;
    const auto add = [&](const Values<T>& values) {
        for (T value : values) {
            if (std::isnan(value)) value = 0;
            unsigned char bytes[sizeof value];
            std::memcpy(bytes, &value, sizeof value);
            for (const unsigned char byte : bytes) hash = (hash ^ byte) * 0x100000001B3u;
        }
    };
    for (int round = 0; round < 200; ++round) {
        const Index count = 1 + numbers.below(100);
        Values<T> x(static_cast<std::size_t>(count)), y = x;
        for (T& value : x) value = bending_number<T>(numbers);
        for (const Activation& activation : every_activation) {
            kernels.activate(activation, x.data(), y.data(), count);
            add(y);
        }
        const Index stride = padded<double>(count);
        Values<double> table(static_cast<std::size_t>(table_rows * stride), 1);
        for (Index row = 0; row < given_rows; ++row)
            for (Index i = 0; i < count; ++i)
                table[static_cast<std::size_t>(row * stride + i)] =
                    static_cast<double>(numbers.below(2001) - 1000) / 512;
        move_row(numbers, x);
        for (const RowFunction function : every_row_function) {
            kernels.rows({function, table.data(), stride, 1e-5}, {x.data(), count, y.data(), count, 1, count});
            add(y);
        }
    }
    return hash;
}

}  // namespace forwardpass
