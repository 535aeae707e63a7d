// Made by tools/coefficients.py. Polynomials in rising powers, and constants as the sum of two numbers.
#pragma once

namespace forwardpass {
namespace {

template <class T>
struct ConstantPair {
    T high, low;
};

template <class T>
struct Coefficients;

template <>
struct Coefficients<float> {
    using Pair = ConstantPair<float>;
    static constexpr float log2_e = 0x1.7154760000000p+0f;
    static constexpr float ln2_high = 0x1.62e4000000000p-1f, ln2_low = 0x1.7f7d1c0000000p-20f;
    static constexpr Pair ln2{0x1.62e4300000000p-1f, -0x1.05c6100000000p-29f};
    static constexpr Pair selu_scale{0x1.0cfabe0000000p+0f, -0x1.2addda0000000p-25f};
    static constexpr float selu_scale_alpha = 0x1.c212cc0000000p+0f;
    static constexpr Pair gelu_linear{0x1.9884000000000p+0f, 0x1.4cf50e0000000p-18f};
    static constexpr Pair gelu_cubic{0x1.2444f20000000p-4f, 0x1.49b16a0000000p-29f};
    static constexpr float tanh_turn = 0x1.4000000000000p-1f;
    static constexpr float softplus_turn = 0x1.0000000000000p+0f;
    static constexpr float normal_half_pivot = 0x1.2000000000000p+0f, normal_center = 0x1.1e80000000000p-1f,
                           normal_largest = 0x1.d000000000000p+3f;
    // (e^r - 1 - r) / r^2, |r| <= ln(2) / 2: at most 4.1e-9 away, 2^-27.87.
    static constexpr float expm1_tail[] = {0x1.0000000000000p-1f, 0x1.5555560000000p-3f,  0x1.5554ea0000000p-5f,
                                           0x1.1110e00000000p-7f, 0x1.6d43160000000p-10f, 0x1.a124e40000000p-13f};
    // the same for results in one number: at most 6.7e-8 away, 2^-23.84.
    static constexpr float exp_tail[] = {0x1.0000000000000p-1f, 0x1.5554de0000000p-3f, 0x1.55551a0000000p-5f,
                                         0x1.120b620000000p-7f, 0x1.6d10fc0000000p-10f};
    // (atanh(s) - s) / s^3 in s^2 <= 1/9: at most 4.1e-9 away, 2^-27.86.
    static constexpr Pair atanh_tail_0{0x1.5555560000000p-2f, -0x1.ca00780000000p-28f};
    static constexpr float atanh_tail[] = {0x1.9998d40000000p-3f, 0x1.24c9260000000p-3f, 0x1.bc8cf80000000p-4f,
                                           0x1.dba2600000000p-4f};
    // (tanh(x) - x) / x^3 in x^2, |x| <= 0.625: at most 1.3e-8 away, 2^-26.2.
    static constexpr float tanh_tail[] = {-0x1.5555560000000p-2f, 0x1.1110ea0000000p-3f,  -0x1.ba08c40000000p-5f,
                                          0x1.64a9760000000p-6f,  -0x1.116a160000000p-7f, 0x1.2c83c00000000p-9f};
    // (log(1 + e) - e) / e^2, e <= e^-1.0: at most 9.1e-9 away, 2^-26.71.
    static constexpr float log1p_tail[] = {-0x1.0000000000000p-1f, 0x1.5555060000000p-2f,  -0x1.ffe4a80000000p-3f,
                                           0x1.97cc400000000p-3f,  -0x1.4678460000000p-3f, 0x1.c4eb820000000p-4f,
                                           -0x1.71e0700000000p-5f};
    // (log(1 + e^x) - log(2) - x / 2) / x^2 in x^2, |x| <= 1.0: at most 5.7e-10 away, 2^-30.72.
    static constexpr float softplus_even[] = {0x1.0000000000000p-3f, -0x1.5555180000000p-8f, 0x1.6bf7c40000000p-12f,
                                              -0x1.b493300000000p-16f, 0x1.d386460000000p-20f};
    // (a + 2.25) Phi(-a) exp(a^2 / 2) in s - 0.5595703125, s = a / (a + 2.25): at most 8.7e-9 away, 2^-26.78.
    static constexpr float normal_tail[] = {0x1.4b0cd60000000p-1f,  -0x1.76f7740000000p-1f, 0x1.6ceac20000000p-2f,
                                            0x1.6916060000000p-3f,  -0x1.bfc4b00000000p-3f, -0x1.2ea13e0000000p-3f,
                                            0x1.0a6eae0000000p-3f,  0x1.7cd4380000000p-3f,  -0x1.1022140000000p-6f,
                                            -0x1.537a920000000p-3f, -0x1.8014820000000p-4f};
};

template <>
struct Coefficients<double> {
    using Pair = ConstantPair<double>;
    static constexpr double log2_e = 0x1.71547652b82fep+0;
    static constexpr double ln2_high = 0x1.62e42fefa3000p-1, ln2_low = 0x1.3de6af278ece6p-42;
    static constexpr Pair ln2{0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
    static constexpr Pair selu_scale{0x1.0cfabd6a91132p+0, 0x1.6fc7d272f2695p-55};
    static constexpr double selu_scale_alpha = 0x1.c212cc640f031p+0;
    static constexpr Pair gelu_linear{0x1.9884533d43600p+0, 0x1.42343f2cf1403p-46};
    static constexpr Pair gelu_cubic{0x1.2444f2a4d8b4bp-4, -0x1.6c843a29d1c70p-61};
    static constexpr double tanh_turn = 0x1.4000000000000p-1;
    static constexpr double softplus_turn = 0x1.0000000000000p+0;
    static constexpr double normal_half_pivot = 0x1.2000000000000p+0, normal_center = 0x1.4400000000000p-1,
                            normal_largest = 0x1.3800000000000p+5;
    // (e^r - 1 - r) / r^2, |r| <= ln(2) / 2: at most 2.6e-18 away, 2^-58.42.
    static constexpr double expm1_tail[] = {0x1.0000000000000p-1,  0x1.5555555555557p-3,  0x1.5555555555556p-5,
                                            0x1.11111111100dfp-7,  0x1.6c16c16c162d6p-10, 0x1.a01a01abe62ddp-13,
                                            0x1.a01a01a6d7808p-16, 0x1.71de02375656cp-19, 0x1.27e4db67b4303p-22,
                                            0x1.af4ddd84882fep-26, 0x1.1f72fc730b4ffp-29};
    // the same for results in one number: at most 1.2e-16 away, 2^-52.92.
    static constexpr double exp_tail[] = {0x1.0000000000001p-1,  0x1.5555555555556p-3,  0x1.5555555553d68p-5,
                                          0x1.11111111109b5p-7,  0x1.6c16c17889ef1p-10, 0x1.a01a01a7c2efep-13,
                                          0x1.a019b9149a41cp-16, 0x1.71de0db2f6b19p-19, 0x1.28917c89a43a7p-22,
                                          0x1.af389ecfc4b9cp-26};
    // (atanh(s) - s) / s^3 in s^2 <= 1/9: at most 4.6e-17 away, 2^-54.26.
    static constexpr Pair atanh_tail_0{0x1.5555555555555p-2, -0x1.9647bb5364f55p-56};
    static constexpr double atanh_tail[] = {0x1.999999999a3ddp-3, 0x1.24924923d44c6p-3, 0x1.c71c727143318p-4,
                                            0x1.745cf0b0e03bdp-4, 0x1.3b18b294bebf9p-4, 0x1.10ac75dc602b1p-4,
                                            0x1.eb905e8575054p-5, 0x1.687a6e7c95176p-5, 0x1.4b0a26c5f2aefp-4};
    // (tanh(x) - x) / x^3 in x^2, |x| <= 0.625: at most 1.8e-17 away, 2^-55.59.
    static constexpr double tanh_tail[] = {-0x1.5555555555555p-2,  0x1.11111111110a8p-3,   -0x1.ba1ba1ba0f126p-5,
                                           0x1.664f487e0a749p-6,   -0x1.226e3473dce5cp-7,  0x1.d6d39ae3905e2p-9,
                                           -0x1.7d9f6f23e8682p-10, 0x1.3526e9ed54da1p-11,  -0x1.f243823c8c981p-13,
                                           0x1.8445870f6fe41p-14,  -0x1.05bbdae896297p-15, 0x1.b33642a122cddp-18};
    // (log(1 + e) - e) / e^2, e <= e^-1.0: at most 5.5e-17 away, 2^-54.0.
    static constexpr double log1p_tail[] = {-0x1.fffffffffffffp-2, 0x1.55555555551f3p-2,  -0x1.ffffffffb4f69p-3,
                                            0x1.9999998509515p-3,  -0x1.555552616e93ep-3, 0x1.249207ce1dcccp-3,
                                            -0x1.fff8a2f9a4095p-4, 0x1.c6d3bce6a8301p-4,  -0x1.979f43e0e0a7cp-4,
                                            0x1.6a7b9cd606d61p-4,  -0x1.31aa50b411caap-4, 0x1.bc0041a91ac66p-5,
                                            -0x1.d4f4f739a6957p-6, 0x1.0076e4167b68bp-7};
    // (log(1 + e^x) - log(2) - x / 2) / x^2 in x^2, |x| <= 1.0: at most 2.6e-18 away, 2^-58.42.
    static constexpr double softplus_even[] = {0x1.0000000000000p-3,   -0x1.555555555542ep-8,  0x1.6c16c16bf09d3p-12,
                                               -0x1.ba1ba19b7594cp-16, 0x1.1ea5cd56d964ap-19,  -0x1.833c2202ed2adp-23,
                                               0x1.0cf001d130f84p-26,  -0x1.7b2ccbeaadcd2p-30, 0x1.0178e97e11d9ep-33,
                                               -0x1.0138fd019924bp-37};
    // (a + 2.25) Phi(-a) exp(a^2 / 2) in s - 0.6328125, s = a / (a + 2.25): at most 1.8e-17 away, 2^-55.61.
    static constexpr double normal_tail[] = {
        0x1.3098ff4d8c209p-1,  -0x1.5af8ed3abba54p-1, 0x1.8cda7a64affdfp-2,  0x1.b03d9abcca256p-4,
        -0x1.0a1eff945ae24p-2, -0x1.2043b41271131p-4, 0x1.c112e6fdd60b7p-3,  0x1.1a6d856d7db85p-3,
        -0x1.7274899772ad8p-3, -0x1.159533ca0a8fdp-2, 0x1.7639c8dbc1c05p-5,  0x1.a44c316ede12bp-2,
        0x1.368170b7fd087p-2,  -0x1.4ea6516712341p-2, -0x1.abafefac1ece9p-1, -0x1.ad48ce21af2c4p-2,
        0x1.d8c276d1651f9p-1,  0x1.eb4be7a0b90acp+0,  0x1.c1e6c4b440dbcp-1,  -0x1.202c0cf2d387fp+1,
        -0x1.25f15700f5b54p+2, -0x1.4635e123329c2p+1, 0x1.b287be5419a89p+1,  0x1.f93ea5d62ffa0p+2,
        0x1.c54bd808acd44p+2,  0x1.a0977072b0764p+1,  0x1.43c96a740d0cep-1};
};

// What rows of floats take, in doubles.
struct RowCoefficients {
    static constexpr double log2_e = 0x1.71547652b82fep+0, ln2 = 0x1.62e42fefa39efp-1;
    // (2^f - 1) / f, |f| <= 1/2: at most 7.8e-9 away, 2^-26.93.
    static constexpr double exp2_tail[] = {0x1.62e4302fc626ep-1, 0x1.ebfbe00e63baep-3,  0x1.c6af6cdbbdcc7p-5,
                                           0x1.3b2a53045179ap-7, 0x1.5f0890162a90ap-10, 0x1.4413896e1ad27p-13};
    // (atanh(s) - s) / s^3 in s^2, s <= (m - 1) / (m + 1) for m up to sqrt(2): at most 5.8e-10 away, 2^-30.7.
    static constexpr double atanh_tail[] = {0x1.5555554bb2b2cp-2, 0x1.9999eb5d84f14p-3, 0x1.245c438323e9ap-3,
                                            0x1.ddced7078dd3ap-4};
};

}  // namespace
}  // namespace forwardpass
