#include "bindings/arrays.hpp"
#include "bindings/gil.hpp"
#include "bindings/register.hpp"

PYBIND11_MODULE(_core, module) {
    module.doc() = "The compiled core of forwardpass; use it through the forwardpass package.";
    module.attr("__version__") = FORWARDPASS_VERSION;
    forwardpass::import_numpy();
    forwardpass::register_exit(module);
    forwardpass::register_machine(module);
    forwardpass::register_threads(module);
    forwardpass::register_network(module);
    forwardpass::register_functional(module);
}
