"""Where pickles of version 0.1 look for layers with numbers for each feature."""

from .normalization import *
from .scaling import *
