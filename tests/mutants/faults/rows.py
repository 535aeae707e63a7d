"""Functions of rows, and the arithmetic in pairs that they use."""

from tests.mutants.faults.mutant import BITS, Mutant

# Each fault is wrong for some of them.
KINDS = ("softmax", "layer_norm", "feature_layers", "row_functions")
ROWS = (*BITS, *(f"tests/layers/test_{kind}.py" for kind in KINDS))

FAULTS = (
    # ---- arithmetic in pairs ----
    Mutant(
        "product without its error",
        "cpp/kernels/functions/pair.hpp",
        "return {product, V::fma(a, b, -product)};",
        "return {product, product - product};",
        "what is computed in pairs is rounded after every product",
        ROWS,
    ),
    Mutant(
        "exponential's other n",
        "cpp/kernels/functions/exponential.hpp",
        "V::fma(x.high, V::broadcast(C::log2_e), rounder)",
        "V::fma(x.high - V::broadcast(static_cast<T>(0.25)), V::broadcast(C::log2_e), rounder)",
        "n is one too low where it should be rounded up, and the polynomial used outside its range",
        ROWS,
    ),
    Mutant(
        "exponential without a low part",
        "cpp/kernels/functions/exponential.hpp",
        "V::fma(n, V::broadcast(-C::ln2_low), x.low)",
        "n * V::broadcast(-C::ln2_low)",
        "the argument is rounded before the exponential",
        ROWS,
    ),
    # ---- functions of rows ----
    Mutant(
        "the last elements of a row read as a whole vector",
        "cpp/kernels/functions/rows.hpp",
        "W::broadcast(behind), W::load_partial(row + place.at, place.count));",
        "W::broadcast(behind), W::load(row + place.at));",
        "reads behind the caller's row",
    ),
    Mutant(
        "what lies behind a row is zeros",
        "cpp/kernels/functions/rows.hpp",
        "W::broadcast(behind), W::load_partial(row + place.at, place.count));",
        "W::broadcast(0), W::load_partial(row + place.at, place.count));",
        "zeros weigh something, and are far from the first element",
        ROWS,
    ),
    Mutant(
        "softmax stores its weights one vector too early",
        "cpp/kernels/functions/rows.hpp",
        "put<W>(row, Whole{place.at + v * W::lanes}, y.of[v]);",
        "put<W>(row, Whole{place.at}, y.of[v]);",
        "the weights of a vector are those of the next",
        ROWS,
    ),
    Mutant(
        "softmax without its largest",
        "cpp/kernels/functions/softmax.hpp",
        """\
    const double largest = largest_of<V>(row.x, row.count);
    const auto totals""",
        """\
    const double largest = 0;
    const auto totals""",
        "e^x overflows",
        ROWS,
    ),
    Mutant(
        "softmax divides by a rounded sum",
        "cpp/kernels/functions/row_weights.hpp",
        "return {high, static_cast<float>(number - high)};",
        "return {high, 0};",
        "half a unit more",
        ROWS,
    ),
    Mutant(
        "log_softmax with one weight of 1 for all largest",
        "cpp/kernels/functions/row_weights.hpp",
        "return others < 0x1p-20;",
        "return others < 2;",
        "rows whose largest element is there twice count it once",
        ROWS,
    ),
    Mutant(
        "log_softmax subtracts 1 from its sum",
        "cpp/kernels/functions/row_weights.hpp",
        "return others < 0x1p-20;",
        "return others < 0;",
        "small sums of the other weights have few digits",
        ROWS,
    ),
    Mutant(
        "softmax's pairs add weights that are nothing",
        "cpp/kernels/functions/row_weights.hpp",
        "const auto limit = W::broadcast(1060);",
        "const auto limit = W::broadcast(750);",
        "elements of -1e4 count as e^-750, hundreds of times",
        ROWS,
    ),
    Mutant(
        "softmax adds weights that are nothing",
        "cpp/kernels/functions/row_weights.hpp",
        "W::max(W::broadcast(-700), d.of[v])",
        "W::max(W::broadcast(-100), d.of[v])",
        "elements of -1e4 count as e^-100, hundreds of times",
        ROWS,
    ),
    Mutant(
        "logarithm of the other half",
        "cpp/kernels/functions/row_weights.hpp",
        "above = n > 0 ? m - 1 : s;",
        "above = m - 1;",
        "the digits of a small sum are lost beside 1",
        ROWS,
    ),
    Mutant(
        "layer_norm divides by n - 1",
        "cpp/kernels/functions/layer_norm.hpp",
        "sums.of[1] / n - shift * shift",
        "sums.of[1] / (n - 1) - shift * shift",
        "the variance of a sample, not of what is there",
        ROWS,
    ),
    Mutant(
        "layer_norm of floats from its first element alone",
        "cpp/kernels/functions/layer_norm.hpp",
        "return m.shift * m.shift > 64 * m.variance",
        "return m.shift * m.shift < 0",
        "sums of differences from an outlier cancel",
        ROWS,
    ),
    Mutant(
        "layer_norm's mean in two parts",
        "cpp/kernels/functions/pair_layer_norm.hpp",
        "d.low = d.low - W::broadcast(m.rest.low);",
        "",
        "the mean is rounded beside a deviation that is as small as its last place",
        ROWS,
    ),
    Mutant(
        "layer_norm's difference not normalised",
        "cpp/kernels/functions/pair_layer_norm.hpp",
        "Pair<W> d = fast_two_sum<W>(high.high, high.low - W::broadcast(m.rest.high));",
        "Pair<W> d{high.high, high.low - W::broadcast(m.rest.high)};",
        "low times low is dropped where the low part is all there is: the middle of a row far from zero",
        ROWS,
    ),
    Mutant(
        "lanes that cancel",
        "cpp/kernels/functions/pair_layer_norm.hpp",
        "two_sum<S>(sums.of[0].high, sums.of[0].low)",
        "{sums.of[0].high, 0}",
        "what a sum of rounded numbers leaves is lost",
        ROWS,
    ),
    Mutant(
        "a conversion of one instruction set",
        "cpp/kernels/isa/avx512.cpp",
        "return _mm512_shuffle_f64x2(a, a, 0xB1);",
        "return _mm512_shuffle_f64x2(a, a, 0x4E);",
        "lanes are added twice, others not at all",
    ),
    Mutant(
        "limits of columns swapped",
        "cpp/network/feature_table.cpp",
        "put(lowest_row, values.lowest[i])",
        "put(lowest_row, values.highest[i])",
        "everything is clipped to the upper limit",
        ROWS,
    ),
    Mutant(
        "low parts of columns dropped",
        "cpp/network/feature_table.cpp",
        "put(scale_row + 1, std::ldexp(values.scale.low[i], -apart));",
        "put(scale_row + 1, 0);",
        "a scale is rounded to double before it is used",
        ROWS,
    ),
)
