// Enters a copy of the current contextvars context while the object exists. An interrupt can come at any moment, and
// must not leave the caller's context changed. What Python code changes, as numpy.errstate does, goes with the copy.
#pragma once

#include "bindings/arrays.hpp"

namespace forwardpass {

class CopiedContext {
public:
    CopiedContext() : context_(steal(PyContext_CopyCurrent())) {
        if (PyContext_Enter(context_.ptr()) < 0) throw py::error_already_set();
    }
    ~CopiedContext() {
        const py::error_scope kept;
        PyContext_Exit(context_.ptr());
    }
    CopiedContext(const CopiedContext&) = delete;
    CopiedContext& operator=(const CopiedContext&) = delete;

private:
    py::object context_;
};

}  // namespace forwardpass
