// One layer of every shape, through every kernel that takes weights.
#pragma once

#include <memory>

#include "checker.hpp"
#include "kernels/layout/panel.hpp"
#include "network/network.hpp"
#include "network/unpacked.hpp"

namespace forwardpass {

// The reference kernel takes these from order.hpp, as the kernels do, so nothing else here sees them change.
static_assert(chain_count(1) == 4 && chain_count(128) == 4 && chain_count(129) == 8 && superblock_length(128) == 128 &&
              superblock_length(4100) == 256 && superblocks_in_group == 16);

// Around the ends of registers, chains, superblocks and groups of them.
constexpr Index depths[][2] = {{0, 67},    {95, 97},     {127, 138},   {255, 265},   {384, 385},  {511, 514},
                               {783, 785}, {2047, 2050}, {4095, 4105}, {4352, 4354}, {8191, 8194}};

template <class T>
class Layers {
public:
    explicit Layers(Checker<T>& checker) : c(checker) {}

    void run() {
        for (const auto& range : depths) {
            for (Index depth = range[0]; depth <= range[1]; ++depth) {
                for (const Flush flush : {Flush::left, Flush::right}) {
                    if (!c.begin("layers", 2 * depth + (flush == Flush::right))) continue;
                    current.flush = flush;
                    shapes(depth);
                }
            }
        }
    }

private:
    // All rows and outputs for one depth, from one set of values: the first of them where the left
    // ends of the arrays lie at a forbidden page, the last of them for the right ends.
    void shapes(Index depth) {
        const Index right = current.flush == Flush::right;
        current.depth = depth;
        current.bias = (depth + right) % 2 == 0;
        current.relu = (depth / 2 + right) % 2 == 0;
        const Values<T> x = c.numbers.template rows<T>(max_rows, depth);
        const Values<T> w = c.numbers.template rows<T>(max_outputs, depth);
        const Values<T> bias = c.numbers.template rows<T>(max_outputs, 1);
        const Values<T> expected = c.reference(x, w, bias, max_rows, depth, max_outputs);

        x_stride_ = depth + c.numbers.below(3);
        x_ = c.place(c.x, x, max_rows, depth, x_stride_);
        const T* const bias_at = c.place(c.bias, bias, max_outputs, 1, 1);
        const struct {
            const char* name;
            Index output_stride, depth_stride;
        } layouts[] = {{"C", depth + c.numbers.below(3), 1},
                       {"Fortran", 1, max_outputs + c.numbers.below(3)},
                       {"strided", 2, 2 * max_outputs + 1}};
        for (Index i = 0; i < 3; ++i) {
            const auto& layout = layouts[i];
            current.layout = layout.name;
            const T* const w_at = c.place(c.w, w, max_outputs, depth, layout.output_stride, layout.depth_stride);
            for (Index outputs = 0; outputs <= max_outputs; outputs += outputs == 67 ? 60 : 1) {
                const Index first = right ? max_outputs - outputs : 0;
                current.outputs = outputs;
                w_ = w.data() + first * depth, bias_ = bias.data() + first, expected_ = expected.data() + first;
                one_layer({w_at + first * layout.output_stride, layout.output_stride, layout.depth_stride,
                           current.bias ? bias_at + first : nullptr},
                          i);
            }
        }
    }

    static Index first_row(Index rows) { return current.flush == Flush::right ? max_rows - rows : 0; }
    const T* x_rows(Index rows) const { return x_ + first_row(rows) * x_stride_; }
    const T* expected(Index rows) const { return expected_ + first_row(rows) * max_outputs; }

    // The larger the depth the fewer cases, so that each depth takes as long. Of the small ones, and of a deep output,
    // every rows x outputs x depth runs once: packed from one layout, and with one end at a forbidden page.
    void one_layer(const WeightSource<T>& source, Index layout) {
        const Index depth = current.depth, outputs = current.outputs;
        const Index cost = outputs == 1 && depth < 1000 ? 1 : 1 + depth / 68;
        const T* panels = nullptr;
        for (Index rows = 0; rows <= max_rows; ++rows) {
            const Index turn = layout + (current.flush == Flush::right ? 3 : 0);
            if ((rows + outputs + depth + turn) % 6 != 0 || !c.kept(cost)) continue;
            T* const y = c.start("linear", rows, outputs);
            const bool from_memory = c.numbers.below(2) == 0, x_from_memory = c.numbers.below(2) == 0;
            const Index scratch_size = rows * c.kernels.scratch_per_row(depth, from_memory);
            const Index fetch_distance = c.numbers.below(2) * 1000;
            if (!c.is_asked()) continue;
            if (panels == nullptr) panels = pack(source);
            current.kernel = "linear";
            T* const scratch = c.scratch.template place<T>(scratch_size, current.flush);
            std::fill_n(scratch, scratch_size, std::numeric_limits<T>::quiet_NaN());
            c.kernels.linear({panels, depth, outputs, activation(), from_memory, fetch_distance},
                             {x_rows(rows), x_stride_, y, c.stride, rows, depth, x_from_memory}, scratch);
            c.check(expected(rows), max_outputs);
        }
        if ((source.depth_stride == 1 || source.output_stride == 1) && c.kept(cost)) {
            const Index rows = 1 + c.numbers.below(5);
            T* const y = c.start("unpacked_linear", rows, outputs);
            if (c.is_asked())
                c.kernels.unpacked_linear({source.w, source.output_stride, source.depth_stride, source.bias, depth,
                                           outputs, activation(), x_rows(rows), x_stride_, y, c.stride, rows});
            c.check(expected(rows), max_outputs);
        }
        if (c.kept(4 * cost)) {
            const Index rows = c.numbers.below(7);
            T* const y = c.start("run_unpacked", rows, outputs);
            if (c.is_asked())
                run_unpacked<T>(c.kernels,
                                {source, depth, outputs, activation(), x_rows(rows), x_stride_, y, c.stride, rows},
                                never);
            c.check(expected(rows), max_outputs);
        }
    }

    // The panels of a layer, checked against the definition in panel.hpp.
    const T* pack(const WeightSource<T>& source) {
        const Index depth = current.depth, outputs = current.outputs;
        current.kernel = "pack";
        const Panels<T> layout{depth, outputs, c.kernels.panel_outputs, c.kernels.lanes};
        const Index size = padded<T>(layout.elements());  // panels are aligned
        T* const panels = c.panels.template place<T>(size, current.flush);
        std::fill_n(panels, size, std::numeric_limits<T>::quiet_NaN());
        c.kernels.pack(source, depth, outputs, panels);
        bool right = c.kernels.packed_elements(depth, outputs) == layout.elements();
        for (Index p = 0; p < layout.count(); ++p) {
            const Index first = layout.first_output(p), count = layout.outputs_in(p);
            const T* const panel = panels + layout.offset(p);
            right &= c.kernels.packed_elements(depth, first) == layout.offset(p);
            const bool are_rows = layout.are_rows(count);
            const Index stride = layout.stride(count), biases = are_rows ? padded<T>(count) : stride;
            for (Index j = 0; j < biases; ++j)
                right &= same_bits(panel[j], j >= count ? T(0) : current.bias ? bias_[first + j] : T(-0.0));
            for (Index k = 0; k < depth; ++k)
                for (Index j = 0; j < (are_rows ? count : stride); ++j) {
                    const T value = j < count ? w_[(first + j) * depth + k] : T(0);
                    right &= same_bits(panel[biases + (are_rows ? j * stride + k : row_of(k) * stride + j)], value);
                }
        }
        c.check(right);
        return panels;
    }

    // Where k lies in a panel, counted: superblock by superblock, chain by chain.
    static Index row_of(Index k) {
        const Index depth = current.depth, chains = depth <= 128 ? 4 : 8, start = k / (32 * chains) * 32 * chains;
        const Index length = std::min(depth - start, 32 * chains);
        Index row = start;
        for (Index chain = 0; chain < (k - start) % chains; ++chain)
            for (Index i = chain; i < length; i += chains) ++row;
        return row + (k - start) / chains;
    }

    Checker<T>& c;
    Index x_stride_ = 0;
    // x where the kernels read it; the weights, biases and results of the outputs that are in turn.
    const T *x_ = nullptr, *w_ = nullptr, *bias_ = nullptr, *expected_ = nullptr;
};

// What the grid does not reach: so many outputs that a thread takes several chunks
// of panels, and that those of a Fortran weight do not fit L1; and what it reaches by chance: three groups of
// superblocks. On each of these ways with an activation that is computed late.
template <class T>
void check_large_layers(Checker<T>& c) {
    current.bias = true, current.relu = false, current.flush = Flush::right;
    c.finite = true;
    const Index shapes[][3] = {{7, 131, 515},  {2, 300, 515}, {7, 517, 515},
                               {2, 131, 2100}, {1, 8716, 70}, {7, 8716, 67}};
    for (const auto& [rows, depth, outputs] : shapes) {
        current.depth = depth;
        const Values<T> x = c.values(rows, depth), w = c.values(outputs, depth), bias = c.values(outputs, 1);
        const Activation late{Function::gelu_tanh};
        Values<T> expected(static_cast<std::size_t>(rows * outputs));
        reference_linear(x.data(), w.data(), bias.data(), expected.data(), rows, depth, outputs, late);
        const Index x_stride = depth + 1;
        const T* const x_at = c.place(c.x, x, rows, depth, x_stride);
        for (const bool fortran : {false, true}) {
            current.layout = fortran ? "Fortran" : "C";
            const Index output_stride = fortran ? 1 : depth, depth_stride = fortran ? outputs : 1;
            const WeightSource<T> source{c.place(c.w, w, outputs, depth, output_stride, depth_stride), output_stride,
                                         depth_stride, bias.data()};
            T* y = c.start("large Network", rows, outputs);
            Network<T>(c.kernels, {std::make_shared<PackedWeights<T>>(c.kernels, source, depth, outputs), late})
                .run({x_at, x_stride, y, c.stride, rows, depth}, 1, never);
            c.check(expected.data(), outputs);
            y = c.start("large unpacked_linear", rows, outputs);
            c.kernels.unpacked_linear({source.w, source.output_stride, source.depth_stride, source.bias, depth, outputs,
                                       late, x_at, x_stride, y, c.stride, rows});
            c.check(expected.data(), outputs);
            y = c.start("large run_unpacked", rows, outputs);
            run_unpacked<T>(c.kernels, {source, depth, outputs, late, x_at, x_stride, y, c.stride, rows, 3}, never);
            c.check(expected.data(), outputs);
        }
    }
    c.finite = false;
}

}  // namespace forwardpass
