// NumPy's C API, imported once (arrays.cpp) and shared by every file of the bindings.
#pragma once

#include <pybind11/pybind11.h>

#define NPY_NO_DEPRECATED_API NPY_1_22_API_VERSION
#define PY_ARRAY_UNIQUE_SYMBOL FORWARDPASS_ARRAY_API
#if !defined(FORWARDPASS_IMPORTS_NUMPY)
#define NO_IMPORT_ARRAY
#endif
#include <numpy/arrayobject.h>
