// The weights of a row, e^(x - largest), and the functions of their sums. Weights of floats are doubles, and weights of
// doubles are pairs.
#pragma once

#include "kernels/functions/logarithm.hpp"
#include "kernels/functions/row_pairs.hpp"

namespace forwardpass {
namespace {

template <class W, class T>
struct Weights;

// The weights of floats are doubles, whose exponents have room for every weight that can count. Floats would be a third
// faster, but wrong by more than 2 units [log 18].
template <class W>
struct Weights<W, float> {
    using S = Scalar<double>;
    // 2^n 2^f, f the rest of d log2(e): the digits of d are those of x - largest.
    template <int k>
    static FORWARDPASS_INLINE Registers<W, k> weights(Registers<W, k> d, double largest) noexcept {
        using C = RowCoefficients;
        constexpr int degree = static_cast<int>(sizeof C::exp2_tail / sizeof *C::exp2_tail) - 1;
        const auto log2_e = W::broadcast(C::log2_e), rounder = W::broadcast(FloatFormat<double>::rounder);
        Register<W> n[k], tail[k];
        const auto each = [](const auto& step) FORWARDPASS_UNROLLED { unrolled<k>(step); };
        each([&](auto v) FORWARDPASS_UNROLLED { d.of[v] = d.of[v] - W::broadcast(largest); });
        each([&](auto v) FORWARDPASS_UNROLLED { d.of[v] = W::max(W::broadcast(-700), d.of[v]); });
        each([&](auto v) FORWARDPASS_UNROLLED { n[v] = W::fma(d.of[v], log2_e, rounder); });
        each([&](auto v) FORWARDPASS_UNROLLED { tail[v] = rounder - n[v]; });
        each([&](auto v) FORWARDPASS_UNROLLED { d.of[v] = W::fma(d.of[v], log2_e, tail[v]); });
        each([&](auto v) FORWARDPASS_UNROLLED { tail[v] = W::broadcast(C::exp2_tail[degree]); });
        unrolled<degree>([&](auto i) FORWARDPASS_UNROLLED {
            each([&](auto v) FORWARDPASS_UNROLLED {
                tail[v] = W::fma(tail[v], d.of[v], W::broadcast(C::exp2_tail[degree - 1 - i]));
            });
        });
        each([&](auto v) FORWARDPASS_UNROLLED { n[v] = W::to_exponent(n[v]); });
        each([&](auto v) FORWARDPASS_UNROLLED { d.of[v] = d.of[v] * n[v]; });
        each([&](auto v) FORWARDPASS_UNROLLED { d.of[v] = W::fma(d.of[v], tail[v], n[v]); });
        return d;
    }
    static FORWARDPASS_INLINE Register<W> rounded(Register<W> y) noexcept { return y; }
    static FORWARDPASS_INLINE Register<W> choose(Register<W> x, double least, Register<W> yes,
                                                 Register<W> no) noexcept {
        return W::select_at_least(x, W::broadcast(least), yes, no);
    }
    static FORWARDPASS_INLINE double reciprocal(double total) noexcept { return 1 / total; }
    static FORWARDPASS_INLINE Register<W> share(Register<W> weight, double reciprocal) noexcept {
        return weight * W::broadcast(reciprocal);
    }
    static FORWARDPASS_INLINE ConstantPair<float> parts(double number) noexcept {
        const float high = static_cast<float>(number);
        return {high, static_cast<float>(number - high)};
    }
    static FORWARDPASS_INLINE double others(double sum) noexcept { return sum - 1; }
    static FORWARDPASS_INLINE bool few_digits(double others) noexcept { return others < 0x1p-20; }
    // log(1 + s) = n log(2) + log(m) for 1 + s = 2^n m, m from sqrt(1/2) to sqrt(2): 2 atanh((m - 1) / (m + 1)).
    static FORWARDPASS_INLINE double log1p(double s) noexcept {
        using C = RowCoefficients;
        const double root2 = 1.4142135623730951, whole = 1 + s, moved = whole * root2;
        std::uint64_t bits;
        __builtin_memcpy(&bits, &moved, sizeof bits);
        const std::uint64_t biased = bits >> 52;
        const double n = static_cast<double>(static_cast<std::int64_t>(biased) - 1023);
        const std::uint64_t reversed = (2046 - biased) << 52;  // 2^-n
        double power;
        __builtin_memcpy(&power, &reversed, sizeof power);
        const double m = whole * power, above = n > 0 ? m - 1 : s;
        const double ratio = above / (m + 1), square = ratio * ratio;
        const double log = 2 * S::fma(ratio * square, polynomial<S>(C::atanh_tail, square), ratio);
        return S::fma(n, C::ln2, log);
    }
    static FORWARDPASS_INLINE Register<W> minus(Register<W> x, double largest, double log) noexcept {
        return (x - W::broadcast(largest)) - W::broadcast(log);
    }
};

// The weights of doubles are pairs, multiplied by 2^lift. So both parts of the smallest weight that can count are
// normal numbers, and so is LogSoftmax's sum without the largest weight. The sum overflows from 2^511 of the largest
// on.
constexpr double lift = 512;

template <class W>
struct Weights<W, double> {
    using S = Scalar<double>;
    static constexpr double of_largest = 0x1p512;

    // A weight below e^-limit counts as e^-limit. Even 2^39 of these are too small to change the sum.
    static FORWARDPASS_INLINE Pair<W> weight(Register<W> x, double largest) noexcept {
        const auto limit = W::broadcast(1060);
        const Pair<W> d = two_sum<W>(x, W::broadcast(-largest));
        const auto low = W::select_at_least(limit, W::magnitude(d.high), d.low, W::broadcast(0));
        const Exponential<W> e = exponential<W>({W::max(-limit, d.high), low});
        const Pair<W> m = significand<W>(e);
        const auto power = power_of_two<W>(e.n + W::broadcast(lift));
        return {m.high * power, m.low * power};
    }
    static FORWARDPASS_INLINE Register<W> rounded(const Pair<W>& y) noexcept { return y.high + y.low; }
    static FORWARDPASS_INLINE Pair<W> choose(Register<W> x, double least, const Pair<W>& yes,
                                             const Pair<W>& no) noexcept {
        const auto bound = W::broadcast(least);
        return {W::select_at_least(x, bound, yes.high, no.high), W::select_at_least(x, bound, yes.low, no.low)};
    }
    template <int k>
    static FORWARDPASS_INLINE Several<Paired<W>, k> weights(const Registers<W, k>& x, double largest) noexcept {
        Several<Paired<W>, k> found;
        unrolled<k>([&](auto v) FORWARDPASS_UNROLLED { found.of[v] = weight(x.of[v], largest); });
        return found;
    }
    static FORWARDPASS_INLINE Pair<S> reciprocal(const Pair<S>& total) noexcept { return quotient<S>({1, 0}, total); }
    static FORWARDPASS_INLINE Register<W> share(const Pair<W>& weight, const Pair<S>& reciprocal) noexcept {
        return rounded(product<W>(weight, broadcast<W>(reciprocal)));
    }
    static FORWARDPASS_INLINE ConstantPair<double> parts(const Pair<S>& number) noexcept {
        return {number.high, number.low};
    }
    static FORWARDPASS_INLINE Pair<S> others(const Pair<S>& sum) noexcept {
        return forwardpass::sum<S>(sum, {-of_largest, 0});
    }
    static FORWARDPASS_INLINE bool few_digits(const Pair<S>& others) noexcept {
        return others.high < 0x1p-40 * of_largest;
    }
    // log(1 + s), from 2^lift s.
    static Pair<S> log1p(const Pair<S>& lifted) noexcept {
        const double power = power_of_two<S>(-lift);
        const Pair<S> s{lifted.high * power, lifted.low * power};
        if (!(s.high > 1)) {
            // The ratio is as small as s. It keeps the factor 2^lift until the end, or it might be subnormal.
            const Pair<S> log = log1p_of_ratio<S>(quotient<S>(lifted, sum<S>(s, {2, 0})), power);
            return {log.high * power, log.low * power};
        }
        Pair<S> f = sum<S>(s, {1, 0});
        double halvings = 0;
        for (; f.high > 1.4142135; ++halvings) f = {f.high / 2, f.low / 2};  // f is at most about a count
        const Pair<S> fraction = log1p_of_ratio<S>(quotient<S>(sum<S>(f, {-1, 0}), sum<S>(f, {1, 0})), 1);
        return sum<S>(product<S>(halvings, constant<S>(Coefficients<double>::ln2)), fraction);
    }
    static FORWARDPASS_INLINE Register<W> minus(Register<W> x, double largest, const Pair<S>& log) noexcept {
        const Pair<W> d = two_sum<W>(x, W::broadcast(-largest));
        const Pair<W> y = sum<W>(d, {W::broadcast(-log.high), W::broadcast(-log.low)});
        return finite_or<W>(y.high + y.low, d.high - W::broadcast(log.high));
    }
};

}  // namespace
}  // namespace forwardpass
