// One layer of every shape, through every kernel that takes weights.
#pragma once

#include "checker.hpp"
#include "kernels/slices.hpp"
#include "unpacked.hpp"

namespace forwardpass {

// The reference kernel takes both from order.hpp, as the kernels do, so nothing else here sees them change.
static_assert(block_length(1) == 8 && block_length(32) == 8 && block_length(33) == 16 && block_length(96) == 24 &&
              block_length(97) == 32 && block_length(4100) == 32 && blocks_per_superblock == 64);

constexpr Index depths[][2] = {{0, 67},    {95, 97},     {127, 129},   {255, 257},   {511, 513},
                               {544, 545}, {2047, 2050}, {2080, 2080}, {2111, 2113}, {4100, 4100}};

template <class T>
class Layers {
public:
    explicit Layers(Checker<T>& checker) : c(checker) {}

    void run() {
        for (const auto& range : depths) {
            for (Index depth = range[0]; depth <= range[1]; ++depth) {
                for (const Flush flush : {Flush::left, Flush::right}) {
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
        const bool deep_output = outputs == 1 && block_groups<T>(depth) > 0;
        const Index cost = deep_output ? 1 : 1 + depth / 68;
        const T* panels = nullptr;
        for (Index rows = 0; rows <= max_rows; ++rows) {
            const Index turn = layout + (current.flush == Flush::right ? 3 : 0);
            if ((rows + outputs + depth + turn) % 6 != 0 || !c.kept(cost)) continue;
            if (panels == nullptr) panels = pack(source);
            T* const y = c.start("linear", rows, outputs);
            const Index scratch_size = scratch_elements<T>(depth, rows);
            const bool cold = c.numbers.below(2) == 0, cold_x = c.numbers.below(2) == 0;
            const bool blocks_in_lanes = c.numbers.below(2) == 0;
            T* const scratch = c.scratch.template place<T>(scratch_size, current.flush);
            std::fill_n(scratch, scratch_size, std::numeric_limits<T>::quiet_NaN());
            c.kernels.linear({panels, depth, outputs, activation(), cold, blocks_in_lanes},
                             {x_rows(rows), x_stride_, y, c.stride, rows, depth, cold_x}, scratch);
            c.check(expected(rows), max_outputs);
        }
        if ((source.depth_stride == 1 || (source.output_stride == 1 && outputs >= c.kernels.lanes)) && c.kept(cost)) {
            T* const y = c.start("unpacked_row", 1, outputs);
            c.kernels.unpacked_row({source.w, source.output_stride, source.depth_stride, source.bias, depth, outputs,
                                    activation(), x_rows(1), y});
            c.check(expected(1), max_outputs);
        }
        if (c.kept(4 * cost)) {
            const Index rows = c.numbers.below(7);
            T* const y = c.start("run_unpacked", rows, outputs);
            run_unpacked<T>(c.kernels,
                            {source, depth, outputs, activation(), x_rows(rows), x_stride_, y, c.stride, rows}, never);
            c.check(expected(rows), max_outputs);
        }
    }

    // The panels of a layer, checked against the definition in panel.hpp.
    const T* pack(const WeightSource<T>& source) {
        const Index depth = current.depth, outputs = current.outputs;
        current.kernel = "pack_panel";
        // The slack only where panel.hpp needs it, so that a read behind other panels is seen.
        const Index left = outputs % panel_outputs<T>;
        const Index slack = left > 0 && left <= panel_alignment<T> / 2 ? packed_slack<T> : 0;
        const Index size = padded<T>(packed_elements<T>(depth, outputs) + slack);  // panels are aligned
        T* const panels = c.panels.template place<T>(size, current.flush);
        std::fill_n(panels, size, std::numeric_limits<T>::quiet_NaN());
        bool right = true;
        for (Index p = 0; p < panel_count<T>(outputs); ++p) {
            const Index first = p * panel_outputs<T>, count = outputs_in_panel<T>(outputs, p);
            T* const panel = panels + panel_offset<T>(depth, p);
            c.kernels.pack_panel(source, depth, first, count, panel);
            const T* at = panel;
            for (Index k = -1; k < depth; ++k) {
                for (Index j = 0; j < panel_width<T>(count); ++j) {
                    T value = 0;
                    if (j < count && k >= 0) value = w_[(first + j) * depth + k];
                    else if (j < count) value = current.bias ? bias_[first + j] : T(-0.0);
                    right &= same_bits(*at++, value);
                }
            }
            for (Index group = 0; count == 1 && group < block_groups<T>(depth); ++group) {
                const T* lane_at = panel + first_group<T>(depth) + group * panel_alignment<T> * 32;
                const T* const from = w_ + first * depth + first_of_group<T>(depth, group) * 32;
                for (Index k = 0; k < 32; ++k)
                    for (Index lane = 0; lane < panel_alignment<T>; ++lane)
                        right &= same_bits(*lane_at++, from[lane * 32 + k]);
            }
        }
        c.check(right);
        return panels;
    }

    Checker<T>& c;
    Index x_stride_ = 0;
    // x where the kernels read it; the weights, biases and results of the outputs that are in turn.
    const T *x_ = nullptr, *w_ = nullptr, *bias_ = nullptr, *expected_ = nullptr;
};

}  // namespace forwardpass
