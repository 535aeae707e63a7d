// Module functions with fixed argument names, which Python calls by the vectorcall protocol. pybind11's own dispatcher
// makes a new string to look each keyword up, and a call with `out=` took three times as long [log 22].
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "bindings/gil.hpp"

namespace forwardpass {

// The arguments of a function. The first `required` ones must be given, and the first `positional` ones may be given
// without their names.
class Signature {
public:
    // With the GIL. The names are kept as they are.
    Signature(const char* function, std::vector<const char*> names, std::size_t required, std::size_t positional);

    // Sets `values`, one for each name, to borrowed references, None for what was left out. Throws TypeError.
    void bind(PyObject* const* args, Py_ssize_t count, PyObject* keywords, PyObject** values) const;

    // "dot(a, b, *, out=None)", which inspect.signature reads at the head of a docstring.
    std::string text() const;

private:
    std::size_t position_of(PyObject* keyword) const;

    std::string function_;
    std::vector<const char*> names_;
    std::vector<PyObject*> interned_;  // never released
    std::size_t required_, positional_;
};

template <auto function>
struct FastFunction;

// Each function of C++ has one Signature and one PyMethodDef, which Python refers to for as long as it lives.
template <class... Arguments, pybind11::object (*function)(Arguments...)>
struct FastFunction<function> {
    static void define(pybind11::module_& module, const char* name, std::vector<const char*> names,
                       std::size_t required, std::size_t positional, const char* doc) {
        static const Signature it(name, std::move(names), required, positional);
        static const std::string text = it.text() + "\n--\n\n" + doc;
        static PyMethodDef methods[] = {{name, reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(call)),
                                         METH_FASTCALL | METH_KEYWORDS, text.c_str()},
                                        {nullptr, nullptr, 0, nullptr}};
        signature = &it;
        if (PyModule_AddFunctions(module.ptr(), methods) != 0) throw pybind11::error_already_set();
    }

private:
    static inline const Signature* signature = nullptr;

    static PyObject* call(PyObject*, PyObject* const* args, Py_ssize_t count, PyObject* keywords) noexcept {
        try {
            std::array<PyObject*, sizeof...(Arguments)> values;
            signature->bind(args, count, keywords, values.data());
            return call_with(values, std::index_sequence_for<Arguments...>{}).release().ptr();
        } catch (...) {
            set_python_error();
            return nullptr;
        }
    }
    template <std::size_t... i>
    static pybind11::object call_with(const std::array<PyObject*, sizeof...(Arguments)>& values,
                                      std::index_sequence<i...>) {
        return function(pybind11::reinterpret_borrow<pybind11::object>(values[i])...);
    }
};

}  // namespace forwardpass
