from ._core import *
from ._core import Network, choose_isa, dot, linear, matvec, relu, add_bias, available_isas
