#include "network.hpp"

#include <algorithm>
#include <cstring>
#include <string>

#include "../dispatch.hpp"
#include "calls.hpp"
#include "checks.hpp"

namespace forwardpass {
namespace {

struct LayerShape {
    std::size_t position;
    Index in_features;
    Index out_features;
    int type;
};

std::string describe(const LayerShape& layer) {
    return "layer " + std::to_string(layer.position) + ", Linear(in_features=" + std::to_string(layer.in_features) +
           ", out_features=" + std::to_string(layer.out_features) + "),";
}

// The layers that have weights; activations take any width.
std::vector<LayerShape> shapes_of(const std::vector<AnyLayer>& layers) {
    std::vector<LayerShape> shapes;
    for (std::size_t i = 0; i < layers.size(); ++i) {
        if (const auto* f32 = std::get_if<std::shared_ptr<PackedWeights<float>>>(&layers[i]))
            shapes.push_back({i, (*f32)->depth(), (*f32)->outputs(), NPY_FLOAT});
        else if (const auto* f64 = std::get_if<std::shared_ptr<PackedWeights<double>>>(&layers[i]))
            shapes.push_back({i, (*f64)->depth(), (*f64)->outputs(), NPY_DOUBLE});
    }
    return shapes;
}

void check_chain(const LayerShape& first, const LayerShape& second) {
    if (first.out_features != second.in_features)
        throw py::value_error(describe(first) + " gives " + std::to_string(first.out_features) + " features, but " +
                              describe(second) + " takes " + std::to_string(second.in_features) +
                              (first.out_features == second.out_features
                                   ? "; its transposed weight would fit: weights are (out_features, in_features)"
                                   : ""));
    if (first.type != second.type)
        throw py::type_error(describe(first) + " is " + dtype_name(first.type) + ", but " + describe(second) + " is " +
                             dtype_name(second.type));
}

template <class T>
Network<T> build(const std::vector<AnyLayer>& layers) {
    std::vector<Layer<T>> typed;
    for (const AnyLayer& layer : layers) {
        if (const auto* activation = std::get_if<Activation>(&layer)) typed.push_back({nullptr, *activation});
        else typed.push_back({std::get<std::shared_ptr<PackedWeights<T>>>(layer), Activation::identity});
    }
    return Network<T>(kernels_of<T>(chosen_table()), typed);
}

}  // namespace

Activation activation_named(const std::string& name) {
    if (name == "relu") return Activation::relu;
    throw py::value_error("activation: expected 'relu' or None, got '" + name + "'");
}

BoundNetwork::BoundNetwork(std::vector<AnyLayer> layers) : layers_(std::move(layers)) {
    if (layers_.empty()) throw py::value_error("a network needs at least one layer, got none");
    const std::vector<LayerShape> shapes = shapes_of(layers_);
    for (std::size_t i = 1; i < shapes.size(); ++i) check_chain(shapes[i - 1], shapes[i]);
    if (!shapes.empty()) {
        in_features_ = shapes.front().in_features;
        first_outputs_ = shapes.front().out_features;
        first_weight_ = layers_.size() == 1 ? "weight" : "weight of layer " + std::to_string(shapes.front().position);
        out_features_ = shapes.back().out_features;
        type_ = shapes.front().type;
    }
    initialised_ = true;
    if (type_ != NPY_DOUBLE) f32_ = build<float>(layers_);
    if (type_ != NPY_FLOAT) f64_ = build<double>(layers_);
}

void* BoundNetwork::operator new(std::size_t size) {
    void* memory = ::operator new(size);
    std::memset(memory, 0, size);
    return memory;
}

void BoundNetwork::check_initialised() const {
    if (!initialised_) throw py::type_error("the network was never initialised: call super().__init__(...) first");
}

template <class T>
py::object BoundNetwork::run(const Network<T>& network, const py::object& x, PyObject* out, int threads) const {
    const Rows from = as_rows(to_type(x, numpy_type<T>, "x"));
    npy_intp shape[NPY_MAXDIMS];
    const int ndim = PyArray_NDIM(as_array(x));
    std::copy_n(PyArray_DIMS(as_array(x)), ndim, shape);
    if (out_features_ >= 0) shape[ndim - 1] = out_features_;

    Destination destination(out, ndim, shape, numpy_type<T>);
    if (destination.empty()) return destination.finish();  // of any number of rows
    if (out != nullptr) destination.keep_apart_from(from.array);
    const Rows to = destination.rows();
    run_released(from.rows * network.work_per_row(), [&] {
        return network.run({static_cast<const T*>(from.data), from.row_stride, static_cast<T*>(to.data), to.row_stride,
                            from.rows, from.width},
                           threads, signal_raised);
    });
    return destination.finish();
}

namespace {

bool is_plain_rows(PyObject* object, int type, Index width, int writeable) {
    auto* array = reinterpret_cast<PyArrayObject*>(object);
    return PyArray_CheckExact(object) && PyArray_TYPE(array) == type &&
           PyArray_CHKFLAGS(array, NPY_ARRAY_CARRAY_RO | writeable) && PyArray_ISNOTSWAPPED(array) &&
           (PyArray_NDIM(array) == 1 || PyArray_NDIM(array) == 2) &&
           PyArray_DIM(array, PyArray_NDIM(array) - 1) == width;
}

}  // namespace

// The usual case without the general one's questions: contiguous rows of the network's
// own type, and an `out` as plain that does not touch them. Null where it is not.
template <class T>
PyObject* BoundNetwork::run_plain(const Network<T>& network, PyObject* x, PyObject* out, int threads) const {
    if (!is_plain_rows(x, numpy_type<T>, in_features_, 0)) return nullptr;
    auto* const from = reinterpret_cast<PyArrayObject*>(x);
    const int ndim = PyArray_NDIM(from);
    const Index rows = ndim == 1 ? 1 : PyArray_DIM(from, 0);
    if (rows == 0 || in_features_ == 0 || out_features_ == 0) return nullptr;
    if (out != nullptr) {
        auto* const given = reinterpret_cast<PyArrayObject*>(out);
        if (!is_plain_rows(out, numpy_type<T>, out_features_, NPY_ARRAY_WRITEABLE) || PyArray_NDIM(given) != ndim ||
            (ndim == 2 && PyArray_DIM(given, 0) != rows))
            return nullptr;
        const char *x_begin = PyArray_BYTES(from), *y_begin = PyArray_BYTES(given);
        if (x_begin < y_begin + PyArray_NBYTES(given) && y_begin < x_begin + PyArray_NBYTES(from)) return nullptr;
        Py_INCREF(out);
    } else {
        const npy_intp shape[] = {ndim == 1 ? out_features_ : rows, out_features_};
        out = PyArray_SimpleNew(ndim, shape, numpy_type<T>);
        if (out == nullptr) throw py::error_already_set();
    }
    py::object result = py::reinterpret_steal<py::object>(out);
    const py::object keeps_x = py::reinterpret_borrow<py::object>(x);
    const Batch<T> batch{static_cast<const T*>(PyArray_DATA(from)),
                         in_features_,
                         static_cast<T*>(PyArray_DATA(as_array(result))),
                         out_features_,
                         rows,
                         in_features_};
    run_released(rows * network.work_per_row(), [&] { return network.run(batch, threads, signal_raised); });
    return result.release().ptr();
}

py::object BoundNetwork::call(py::handle value, PyObject* out, int threads) const {
    check_initialised();
    if (PyObject* const result = type_ == NPY_FLOAT    ? run_plain(*f32_, value.ptr(), out, threads)
                                 : type_ == NPY_DOUBLE ? run_plain(*f64_, value.ptr(), out, threads)
                                                       : nullptr)
        return py::reinterpret_steal<py::object>(result);
    const py::object x = to_ndarray(value, "x");
    PyArrayObject* array = as_array(x);
    check_has_axis(array, "x");
    if (in_features_ >= 0) check_depth(array, "x", in_features_, first_outputs_, first_weight_.c_str());
    const int type = type_ >= 0 ? type_ : common_type({{x, "x"}});
    return type == NPY_FLOAT ? run(*f32_, x, out, threads) : run(*f64_, x, out, threads);
}

namespace {

// An array of the layer's own type and shape, ready to be packed.
template <class T>
struct Parameters {
    std::shared_ptr<PackedWeights<T>> to;
    py::object weight;
    py::object bias;  // null where the layer has none
};

// The values in turn, each checked.
class NamedValues {
public:
    NamedValues(const py::tuple& names, const py::list& values) : names_(names), values_(values) {
        if (names_.size() != values_.size()) throw py::value_error("names and values: expected as many of each");
    }
    py::object next(std::initializer_list<npy_intp> shape, int type) {
        if (next_ == names_.size()) throw py::value_error("names: expected one for each weight and bias");
        const char* const name = PyUnicode_AsUTF8(py::object(names_[next_]).ptr());
        if (name == nullptr) throw py::error_already_set();
        const py::object array = to_ndarray(values_[next_++], name);
        const int ndim = static_cast<int>(shape.size());
        if (PyArray_NDIM(as_array(array)) != ndim ||
            !std::equal(shape.begin(), shape.end(), PyArray_DIMS(as_array(array))))
            throw py::value_error(std::string(name) + ": expected shape " + shape_text(ndim, shape.begin()) + ", got " +
                                  shape_text(as_array(array)));
        return to_type(array, type, name);
    }
    void check_end() const {
        if (next_ != names_.size()) throw py::value_error("names: expected one for each weight and bias");
    }

private:
    const py::tuple& names_;
    const py::list& values_;
    std::size_t next_ = 0;
};

template <class T>
void load_as(const std::vector<AnyLayer>& layers, NamedValues values) {
    std::vector<Parameters<T>> checked;
    for (const AnyLayer& layer : layers) {
        const auto* weights = std::get_if<std::shared_ptr<PackedWeights<T>>>(&layer);
        if (weights == nullptr) continue;
        const PackedWeights<T>& to = **weights;
        const py::object weight = values.next({to.outputs(), to.depth()}, numpy_type<T>);
        py::object bias;
        if (to.has_bias()) bias = adjacent(values.next({to.outputs()}, numpy_type<T>));
        checked.push_back({*weights, weight, bias});
    }
    values.check_end();
    // Nothing can fail from here on: a network is never left with half of its new weights.
    for (const Parameters<T>& p : checked)
        p.to->assign(kernels_of<T>(chosen_table()), weight_source<T>(p.weight, p.bias));
}

}  // namespace

void BoundNetwork::load(const py::tuple& names, const py::list& values) {
    check_initialised();
    if (type_ == NPY_FLOAT) load_as<float>(layers_, {names, values});
    if (type_ == NPY_DOUBLE) load_as<double>(layers_, {names, values});
}

AnyLayer make_linear(py::handle weight_value, py::handle bias_value) {
    py::object weight = to_ndarray(weight_value, "weight");
    if (PyArray_NDIM(as_array(weight)) == 0)
        throw py::value_error(
            "weight: expected a 2-d array of shape (out_features, in_features), got a 0-d array; "
            "Linear.random(in_features, out_features) makes a layer from two sizes");
    check_matrix(as_array(weight), "weight", "(out_features, in_features)");
    const int type = common_type({{weight, "weight"}});
    weight = to_type(weight, type, "weight");
    py::object bias;
    if (!bias_value.is_none()) {
        bias = to_ndarray(bias_value, "bias");
        check_bias(as_array(bias), "bias", PyArray_DIM(as_array(weight), 0));
        bias = adjacent(to_type(bias, type, "bias"));
    }
    const auto pack = [&](auto zero) -> AnyLayer {
        using T = decltype(zero);
        return std::make_shared<PackedWeights<T>>(kernels_of<T>(chosen_table()), weight_source<T>(weight, bias),
                                                  PyArray_DIM(as_array(weight), 1), PyArray_DIM(as_array(weight), 0));
    };
    return type == NPY_FLOAT ? pack(float{}) : pack(double{});
}

}  // namespace forwardpass
