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
    static constexpr Pair selu_scale_alpha{0x1.c212cc0000000p+0f, 0x1.903c0c0000000p-26f};
    static constexpr Pair gelu_linear{0x1.9884540000000p+0f, -0x1.8579360000000p-25f};
    static constexpr Pair gelu_cubic{0x1.2444f20000000p-4f, 0x1.49b16a0000000p-29f};
    static constexpr float normal_pivot = 0x1.8000000000000p+1f, normal_largest = 0x1.e000000000000p+3f;
    // (e^r - 1 - r) / r^2, |r| <= ln(2) / 2: at most 4.1e-9 away, 2^-27.87.
    static constexpr float expm1_tail[] = {0x1.0000000000000p-1f, 0x1.5555560000000p-3f,  0x1.5554ea0000000p-5f,
                                           0x1.1110e00000000p-7f, 0x1.6d43160000000p-10f, 0x1.a124e40000000p-13f};
    // (atanh(s) - s) / s^3 in s^2 <= 1/9: at most 4.1e-9 away, 2^-27.86.
    static constexpr Pair atanh_tail_0{0x1.5555560000000p-2f, -0x1.ca00780000000p-28f};
    static constexpr float atanh_tail[] = {0x1.9998d40000000p-3f, 0x1.24c9260000000p-3f, 0x1.bc8cf80000000p-4f,
                                           0x1.dba2600000000p-4f};
    // (log(1 + e^x) - log(2) - x / 2) / x^2 in x^2 <= 1/16: at most 4.0e-10 away, 2^-31.2.
    static constexpr float softplus_even[] = {0x1.0000000000000p-3f, -0x1.55545e0000000p-8f, 0x1.69835a0000000p-12f};
    // (a + 3) Phi(-a) exp(a^2 / 2) in (a - 3) / (a + 3): at most 1.7e-9 away, 2^-29.17.
    static constexpr Pair normal_tail_0{0x1.754a760000000p-1f, -0x1.c1588e0000000p-26f};
    static constexpr Pair normal_tail_1{-0x1.04c72a0000000p-1f, 0x1.a931300000000p-27f};
    static constexpr Pair normal_tail_2{0x1.d713820000000p-3f, -0x1.2ebbc80000000p-32f};
    static constexpr float normal_tail[] = {-0x1.832d320000000p-5f, -0x1.56d40a0000000p-7f,  0x1.c8c7dc0000000p-8f,
                                            0x1.0c7a080000000p-10f, -0x1.0f2e8c0000000p-10f, -0x1.0098a80000000p-12f,
                                            0x1.1799c00000000p-13f, 0x1.d17fe40000000p-15f};
};

template <>
struct Coefficients<double> {
    using Pair = ConstantPair<double>;
    static constexpr double log2_e = 0x1.71547652b82fep+0;
    static constexpr double ln2_high = 0x1.62e42fefa3000p-1, ln2_low = 0x1.3de6af278ece6p-42;
    static constexpr Pair ln2{0x1.62e42fefa39efp-1, 0x1.abc9e3b39803fp-56};
    static constexpr Pair selu_scale{0x1.0cfabd6a91132p+0, 0x1.6fc7d272f2695p-55};
    static constexpr Pair selu_scale_alpha{0x1.c212cc640f031p+0, 0x1.05161b045a1fep-56};
    static constexpr Pair gelu_linear{0x1.9884533d43651p+0, -0x1.cbc0d30ebfd15p-54};
    static constexpr Pair gelu_cubic{0x1.2444f2a4d8b4bp-4, -0x1.6c843a29d1c70p-61};
    static constexpr double normal_pivot = 0x1.8000000000000p+1, normal_largest = 0x1.3800000000000p+5;
    // (e^r - 1 - r) / r^2, |r| <= ln(2) / 2: at most 2.6e-18 away, 2^-58.42.
    static constexpr double expm1_tail[] = {0x1.0000000000000p-1,  0x1.5555555555557p-3,  0x1.5555555555556p-5,
                                            0x1.11111111100dfp-7,  0x1.6c16c16c162d6p-10, 0x1.a01a01abe62ddp-13,
                                            0x1.a01a01a6d7808p-16, 0x1.71de02375656cp-19, 0x1.27e4db67b4303p-22,
                                            0x1.af4ddd84882fep-26, 0x1.1f72fc730b4ffp-29};
    // (atanh(s) - s) / s^3 in s^2 <= 1/9: at most 4.6e-17 away, 2^-54.26.
    static constexpr Pair atanh_tail_0{0x1.5555555555555p-2, -0x1.9647bb5364f55p-56};
    static constexpr double atanh_tail[] = {0x1.999999999a3ddp-3, 0x1.24924923d44c6p-3, 0x1.c71c727143318p-4,
                                            0x1.745cf0b0e03bdp-4, 0x1.3b18b294bebf9p-4, 0x1.10ac75dc602b1p-4,
                                            0x1.eb905e8575054p-5, 0x1.687a6e7c95176p-5, 0x1.4b0a26c5f2aefp-4};
    // (log(1 + e^x) - log(2) - x / 2) / x^2 in x^2 <= 1/16: at most 9.0e-19 away, 2^-59.95.
    static constexpr double softplus_even[] = {0x1.0000000000000p-3,   -0x1.5555555555302p-8, 0x1.6c16c16a6468dp-12,
                                               -0x1.ba1b9a7b5ef26p-16, 0x1.1e9ed44b86e58p-19, -0x1.7cfff9bcee577p-23};
    // (a + 3) Phi(-a) exp(a^2 / 2) in (a - 3) / (a + 3): at most 3.7e-18 away, 2^-57.92.
    static constexpr Pair normal_tail_0{0x1.754a751a56f4ap-1, -0x1.711ede669d7e6p-55};
    static constexpr Pair normal_tail_1{-0x1.04c7295a48f33p-1, -0x1.3f11a009be059p-55};
    static constexpr Pair normal_tail_2{0x1.d71387c654c99p-3, 0x1.d09762c977daap-59};
    static constexpr double normal_tail[] = {
        -0x1.832dbf6992428p-5,  -0x1.56d8e3d7ee5cap-7,  0x1.c8f52c321b24cp-8,   0x1.0d608c8807201p-10,
        -0x1.12285ef581064p-10, -0x1.0d09e8d10d938p-12, 0x1.43c9e76862711p-13,  0x1.4a9027a12c572p-14,
        -0x1.bc76e2afa07c3p-17, -0x1.5b15b3f9ba468p-16, -0x1.d823742012660p-19, 0x1.e8132cb23a2cbp-19,
        0x1.2ee03c9790577p-19,  0x1.f3253c2604378p-27,  -0x1.3e455d86c64e3p-21, -0x1.2d90819250809p-22,
        0x1.60b495cb7ed42p-25,  0x1.b0f9de7f8bcf0p-24,  0x1.d92a94768af2fp-26,  -0x1.0f7b79e505833p-26,
        -0x1.3d36bf09f9dadp-27, 0x1.1f15b880577bfp-31,  0x1.b6a0293a9881ap-31};
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
