// What every instruction set offers, and what it may assume. Read this first.
//
// A kernel is noexcept, owns nothing, allocates nothing and cannot fail: bindings/ has refused everything that can be
// wrong. Strides count elements; only those of a Source count bytes. Outputs never overlap inputs. Any of rows, depth
// and outputs may be 0. The order of every sum is `fma-v2` (order.hpp), so all tables give the same bits. The calling
// thread rounds to nearest and keeps subnormals. Code above kernels/ includes this file of kernels/ and no other.
#pragma once

#include <cstddef>
#include <cstdint>

// For functions that several instruction sets use. The linker keeps one copy of a shared symbol, perhaps one compiled
// for AVX-512. An inlined function has no symbol.
#define FORWARDPASS_INLINE __attribute__((always_inline)) inline

namespace forwardpass {

using Index = std::ptrdiff_t;

constexpr std::size_t cache_line = 64;

namespace {  // internal linkage, so that nothing here is a symbol

template <class T>
constexpr Index line_elements = Index{cache_line / sizeof(T)};

// Rounded up to whole cache lines.
template <class T>
[[maybe_unused]] constexpr Index padded(Index elements) noexcept {
    return (elements + line_elements<T> - 1) / line_elements<T> * line_elements<T>;
}

}  // namespace

enum class Function : std::uint8_t {
    identity,
    relu,
    leaky_relu,  // a: the slope below 0
    elu,         // a: alpha
    selu,
    gelu,
    gelu_tanh,
    silu,
    tanh,
    sigmoid,
    softplus,  // a: beta, b: the threshold
    hardtanh,  // from a to b
    celu,      // a: alpha
    mish,
    softsign,
    hardswish,
    hardsigmoid,
};

// A function of one element, and its parameters.
struct Activation {
    Function function = Function::identity;
    double a = 0, b = 0;
};

// Rows to run and where their results go; elements of a row are adjacent, and nothing need be aligned.
template <class T>
struct Batch {
    const T* x;  // (rows, width)
    Index x_row_stride;
    T* y;
    Index y_row_stride;
    Index rows;
    Index width;
    bool from_memory = false;  // x is in no cache
};

// The types that an element of x may have beside the type in which the network computes.
enum class Number : std::uint8_t {
    boolean,
    int8,
    uint8,
    int16,
    uint16,
    int32,
    uint32,
    int64,
    uint64,
    float16,
    float32,
    float64,
};

// Rows as the caller gives them: of any type, in either byte order, aligned or not. Strides count bytes.
struct Source {
    const char* at;
    Index row_stride;
    Index column_stride;
    Number type;
    bool swapped;
};

// y = activation(W x + b) for each row x, from packed weights (layout/panel.hpp).
template <class T>
struct PackedLinear {
    const T* panels;  // the panels of the whole layer, 64-byte aligned
    Index depth;      // in_features, K
    Index outputs;    // out_features, N
    Activation activation;
    bool from_memory;          // the weights are in no cache
    Index fetch_distance = 0;  // elements ahead of those in use that are then fetched for one row, 0 for none
};

// Rows against weights as NumPy holds them: w[j * output_stride + k * depth_stride], one of the strides 1. Reads
// nothing outside the arrays.
template <class T>
struct UnpackedRows {
    const T* w;
    Index output_stride;
    Index depth_stride;
    const T* bias;  // outputs values, or null
    Index depth;
    Index outputs;
    Activation activation;
    const T* x;  // (rows, depth)
    Index x_row_stride;
    T* y;  // (rows, outputs)
    Index y_row_stride;
    Index rows;
};

// A strided (outputs, depth) matrix to be packed; bias may be null.
template <class T>
struct WeightSource {
    const T* w;
    Index output_stride;
    Index depth_stride;
    const T* bias;

    // The source of the outputs from `output` on.
    FORWARDPASS_INLINE WeightSource from(Index output) const noexcept {
        return {w + output * output_stride, output_stride, depth_stride, bias ? bias + output : nullptr};
    }
};

// The functions whose results depend on a whole row, or on the feature.
enum class RowFunction : std::uint8_t {
    affine,      // clip((x - center) scale + offset)
    layer_norm,  // (x - mean) / sqrt(variance + eps) scale + offset
    rms_norm,    // x / sqrt(mean of x^2 + eps) scale
    prelu,       // x, or x scale below 0; a table of one feature is for all
    softmax,
    log_softmax,
};

// The rows of a table with numbers for each feature. Each row is whole cache lines; kernels also read the padding
// behind the last feature, and do not use it. Each value except the limits is the sum of two parts, in two rows. Rows
// of floats take the first part. A scale may be so large or small that two doubles cannot hold all its digits. Then
// RowTask::powers is set and the scale is multiplied by a power of two; rows of floats take the rounded scale.
enum FeatureRow : Index {
    center_row,
    scale_row = 2,
    offset_row = 4,
    lowest_row = 6,
    highest_row,
    given_rows,  // how many rows the caller gives; the others are computed from them
    power_row = given_rows,
    rounded_scale_row,
    table_rows
};

// A function of rows, and its values.
struct RowTask {
    RowFunction function;
    const double* table;  // null for softmax and log_softmax
    Index table_stride;
    double eps;
    bool powers = false;
    bool one_feature = false;  // the table has one, for all
};

// How many streams read_sum can read side by side.
constexpr Index read_streams[] = {1, 2, 4, 8};

template <class T>
struct Kernels {
    // Rows as wide as the layer is deep; scratch_per_row(depth, from_memory) for each of several, 64-byte aligned.
    void (*linear)(const PackedLinear<T>&, const Batch<T>&, T* scratch) noexcept;
    Index (*scratch_per_row)(Index depth, bool from_memory) noexcept;
    void (*unpacked_linear)(const UnpackedRows<T>&) noexcept;
    // A layer is packed in panels of panel_outputs outputs, one after another, and the last panel has what is left. So
    // the first n * panel_outputs outputs lie as a layer of their own would, in as many elements.
    Index (*packed_elements)(Index depth, Index outputs) noexcept;
    void (*pack)(const WeightSource<T>&, Index depth, Index outputs, T* panels) noexcept;
    // The weight becomes a C-contiguous (outputs, depth) array; bias may be null.
    void (*unpack)(const T* panels, Index depth, Index outputs, T* weight, T* bias) noexcept;
    void (*activate)(const Activation&, const T* x, T* y, Index count) noexcept;  // x == y is allowed
    void (*add)(const T* a, const T* b, T* y, Index count) noexcept;              // y == a is allowed
    void (*rows)(const RowTask&, const Batch<T>&) noexcept;                       // x == y is allowed
    // The source as rows of T, elements adjacent.
    void (*convert)(const Source& source, Index rows, Index width, T* to, Index to_stride) noexcept;
    // The machine's ceilings, for benchmarks: both return a value so that no work is optimised away.
    T (*fma_burst)(Index steps) noexcept;                               // steps * fma_burst_flops operations
    T (*read_sum)(const T* data, Index count, Index streams) noexcept;  // reads every element once
    Index fma_burst_flops;
    Index lanes;
    Index panel_outputs;
};

enum Feature : std::uint32_t {
    feature_avx2 = 1,
    feature_fma = 2,
    feature_avx512f = 4,
    feature_avx512vl = 8,
    feature_neon = 16,
};

// One instruction set. `required` is data, so that asking needs no instruction of the set itself.
struct KernelTable {
    const char* name;
    std::uint32_t required;  // Feature bits
    Kernels<float> f32;
    Kernels<double> f64;
};

extern const KernelTable scalar_table;
#if defined(FORWARDPASS_X86)
extern const KernelTable avx2_table;
extern const KernelTable avx512_table;
#endif
#if defined(FORWARDPASS_NEON)
extern const KernelTable neon_table;
#endif

// The plainest code there is, which every table must equal bit for bit: y = activation(W x + b) for x (rows, depth) and
// w (outputs, depth), both C-contiguous. bias may be null.
template <class T>
void reference_linear(const T* x, const T* w, const T* bias, T* y, Index rows, Index depth, Index outputs,
                      const Activation& activation);

extern template void reference_linear(const float*, const float*, const float*, float*, Index, Index, Index,
                                      const Activation&);
extern template void reference_linear(const double*, const double*, const double*, double*, Index, Index, Index,
                                      const Activation&);

// numerator / denominator of each feature as the sum of two doubles, or numerator / sqrt(denominator + eps). The sum is
// within a share of 2^-102 of the quotient; where the doubles are subnormal, as near as two doubles can be.
// Precondition: denominators and eps are not negative, and not both 0.
void quotients(const double* numerator, const double* denominator, Index count, double* high, double* low) noexcept;
void quotients_by_root(const double* numerator, const double* denominator, double eps, Index count, double* high,
                       double* low) noexcept;

}  // namespace forwardpass
