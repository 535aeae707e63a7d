#include <algorithm>
#include <cmath>

#include "kernels/contract.hpp"
#include "kernels/functions/activations.hpp"
#include "kernels/order.hpp"

namespace forwardpass {
namespace {

// The sum of one chain: of every `chains`-th product, from the first on.
template <class T>
T chain(const T* x, const T* w, Index length, Index chains) {
    T sum = 0;
    for (Index k = 0; k < length; k += chains) sum = std::fma(x[k], w[k], sum);
    return sum;
}

template <class T>
T superblock(const T* x, const T* w, Index length, Index chains) {
    T sum = 0;
    for (Index r = 0; r < std::min(chains, length); ++r) {
        const T product = chain(x + r, w + r, length - r, chains);
        sum = r == 0 ? product : sum + product;
    }
    return sum;
}

template <class T>
T ordered_dot(const T* x, const T* w, Index depth) {
    const Index chains = chain_count(depth), each = superblock_length(depth), in_group = each * superblocks_in_group;
    T total = 0;
    for (Index start = 0; start < depth; start += in_group) {
        const Index end = std::min(depth, start + in_group);
        T group = 0;
        for (Index k = start; k < end; k += each) {
            const T sum = superblock(x + k, w + k, std::min(each, end - k), chains);
            group = k == start ? sum : group + sum;
        }
        total = start == 0 ? group : total + group;
    }
    return total;
}

// ReLU keeps NaN and makes +0.0 of -0.0. The other functions are defined by the kernels' own code with one lane.
template <class T>
T activated(const Activation& activation, T y) {
    if (activation.function == Function::relu) return y > 0 || std::isnan(y) ? y : T{0};
    activate<Scalar<T>>(activation, &y, &y, 1);
    return y;
}

}  // namespace

template <class T>
void reference_linear(const T* x, const T* w, const T* bias, T* y, Index rows, Index depth, Index outputs,
                      const Activation& activation) {
    for (Index r = 0; r < rows; ++r) {
        for (Index j = 0; j < outputs; ++j) {
            const T sum = ordered_dot(x + r * depth, w + j * depth, depth);
            y[r * outputs + j] = activated<T>(activation, bias ? sum + bias[j] : sum);
        }
    }
}

template void reference_linear(const float*, const float*, const float*, float*, Index, Index, Index,
                               const Activation&);
template void reference_linear(const double*, const double*, const double*, double*, Index, Index, Index,
                               const Activation&);

}  // namespace forwardpass
