"""Networks that answer as scikit-learn's estimators do: with labels, or with a number for each row."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..environment import undisturbed
from .choice import Choose, each, largest, one_of_two
from .containers import Sequential
from .frames import Predictor
from .labels import Labels
from .module import FloatArray, Module
from .smooth import Sigmoid
from .softmax import Softmax

__all__ = ["Classifier", "Regressor"]


class Regressor(Predictor):
    """A Sequential that predicts numbers, with scikit-learn's `predict`.

    Called as ``net(x)`` it gives the outputs of its layers at the speed of a Sequential: see `Module`.

    Parameters
    ----------
    *layers : Module
        As for `Sequential`.
    feature_names : array_like of str, optional
        The columns that a table must have, one for each input.

    Raises
    ------
    ValueError, TypeError
        As for `Sequential`, and for names that are no text, of another number than inputs, or there twice.

    Examples
    --------
    >>> import forwardpass as fp
    >>> net = fp.Regressor(fp.Linear([[1.0, 2.0]], [0.5]))
    >>> net([[1.0, 1.0], [2.0, 2.0]])
    array([[3.5],
           [6.5]])
    >>> net.predict([[1.0, 1.0], [2.0, 2.0]])
    array([3.5, 6.5])
    """

    def predict(self, x: ArrayLike) -> Any:
        """The predicted numbers.

        Parameters
        ----------
        x : array_like or DataFrame, shape (..., in_features)

        Returns
        -------
        numpy.ndarray of the network's dtype
            Shape (..., out_features); without the last axis where there is one output, and for a single row a scalar.

        Raises
        ------
        ValueError, TypeError
            As a call does, and for a table with other columns than feature_names, in another order, or of no numbers.

        Examples
        --------
        >>> import forwardpass as fp
        >>> float(fp.Regressor(fp.Linear([[1.0, 2.0]])).predict([1.0, 1.0]))
        3.0
        """
        y = self(x if type(x) is np.ndarray else self.rows_of(x))
        return y[..., 0][()] if self._of_one else y

    @cached_property
    def _of_one(self) -> bool:
        """Whether the last axis is left out. Found once: the binding takes longer to answer than a row takes."""
        return self.out_features == 1


class Classifier(Predictor):
    """A Sequential that predicts labels, with scikit-learn's `predict`, `predict_proba` and `classes_`.

    Called as ``net(x)`` it gives the outputs of its layers at the speed of a Sequential: see `Module`. What they mean
    follows from their number and from the last layer:

    - several: the label of the largest one. They are probabilities behind Softmax, and scores behind other layers;
    - several behind Sigmoid or Hardsigmoid: each label by itself, so that a row may have several or none;
    - one: the second of two labels, where it is above 0.5 behind Sigmoid or Hardsigmoid, above 0 behind other layers.

    Parameters
    ----------
    *layers : Module
        As for `Sequential`.
    classes : array_like, optional
        The labels: text, integers, floats or bools, in the order of the outputs; 0, 1, 2, ... where there are none.
    feature_names : array_like of str, optional
        The columns that a table must have, one for each input.

    Raises
    ------
    ValueError
        As for `Sequential`; layers that take any number of features; labels or names of another number, or there twice.
    TypeError
        As for `Sequential`; labels of another kind.

    Examples
    --------
    >>> import numpy as np, forwardpass as fp
    >>> net = fp.Classifier(fp.Linear(np.eye(3)), classes=["red", "green", "blue"])
    >>> net.predict([[0.0, 5.0, 1.0], [3.0, 3.0, 2.0]])
    array(['green', 'red'], dtype='<U5')
    >>> net.predict_proba([0.0, 0.0, 0.0])
    array([0.33333333, 0.33333333, 0.33333333])
    """

    classes = Labels()

    def __init__(
        self, *layers: Module, classes: ArrayLike | None = None, feature_names: ArrayLike | None = None
    ) -> None:
        super().__init__(*layers, feature_names=feature_names)
        outputs = self.out_features
        if outputs is None:
            raise ValueError(
                "layers: expected a number of outputs, one for each class; these take any, and give as many"
            )
        count = 2 if self._of_two else outputs
        labels = type(self).classes.checked(np.arange(count) if classes is None else classes)
        # scikit-learn fits a classifier to a single class as well, which then has one output.
        if len(labels) != count and not (self._of_two and len(labels) == 1):
            raise ValueError(f"classes: expected {count} labels for {outputs} outputs, got {len(labels)}")
        vars(self)["classes"] = labels

    @property
    def classes_(self) -> NDArray[Any]:
        """The labels in the order of the columns of `predict_proba`, in scikit-learn's words."""
        classes: NDArray[Any] = self.classes
        return classes

    def predict(self, x: ArrayLike) -> Any:
        """The label of each row. Of equally likely ones it is the first.

        Parameters
        ----------
        x : array_like or DataFrame, shape (..., in_features)

        Returns
        -------
        numpy.ndarray of the dtype of classes_
            Shape (...), and for a single row a scalar. Where a row may have several labels: integers of shape
            (..., classes), 1 for each label that it has.

        Raises
        ------
        ValueError
            As a call does; a table with other columns than feature_names, or in another order; a row whose outputs are
            NaN, which has no label.
        TypeError
            As a call does; a table with columns of no numbers.

        Examples
        --------
        >>> import forwardpass as fp
        >>> two = fp.Classifier(fp.Linear([[1.0]]), fp.Sigmoid(), classes=["no", "yes"])
        >>> two.predict([[-1.0], [0.0], [1.0]])
        array(['no', 'no', 'yes'], dtype='<U3')
        """
        return self._choose(self(x if type(x) is np.ndarray else self.rows_of(x)))

    @undisturbed
    def predict_proba(self, x: ArrayLike) -> FloatArray:
        """The probability of each label. Behind scores it is their softmax, or of a single one the logistic function.

        Parameters
        ----------
        x : array_like or DataFrame, shape (..., in_features)

        Returns
        -------
        numpy.ndarray of the network's dtype, shape (..., classes)
            ``[1 - p, p]`` where the network has one output.

        Raises
        ------
        ValueError, TypeError
            As `predict`, but NaN stays NaN.

        Examples
        --------
        >>> import forwardpass as fp
        >>> fp.Classifier(fp.Linear([[1.0]]), classes=["no", "yes"]).predict_proba([[0.0]])
        array([[0.5, 0.5]])
        """
        p = self._probable(self.rows_of(x))
        return np.concatenate((1 - p, p), axis=-1) if self._of_two else p

    @cached_property
    def _of_two(self) -> bool:
        """Whether its one output tells two classes apart. The only share of a Softmax is always 1."""
        return self.out_features == 1 and self.meaning("scores") != "shares"

    @cached_property
    def _probable(self) -> Sequential:
        """The network with probabilities for outputs."""
        if self.meaning("scores") != "scores":
            return self
        return Sequential(*self, Sigmoid() if self._of_two else Softmax())

    @cached_property
    def _choose(self) -> Choose:
        """The labels of outputs."""
        chances = self.meaning("scores") == "chances"
        edge = 0.5 if chances else 0.0
        if self._of_two:
            return one_of_two(np.resize(self.classes, 2), edge, self.dtype)
        return each(edge, self.dtype) if chances else largest(self.classes)
