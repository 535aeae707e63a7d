"""Kept for pickles of version 0.1, which look here for layers with numbers for each feature."""

from .normalization import *
from .scaling import *
