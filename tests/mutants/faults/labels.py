"""Labels: which one outputs mean, what a file says of them, and the columns of tables."""

from tests.mutants.faults.mutant import Mutant

FAULTS = (
    Mutant(
        "one half is above one half",
        "python/forwardpass/nn/choice.py",
        "return scalars[p > edge] if y.ndim == 1 else single[p > edge].copy()",
        "return scalars[p >= edge] if y.ndim == 1 else single[p >= edge].copy()",
        "a tie of two classes gets the second label, where scikit-learn gives the first",
        ("tests/layers/test_predictors.py",),
    ),
    Mutant(
        "a label that is not the caller's own",
        "python/forwardpass/nn/choice.py",
        "single[p > edge].copy()",
        "single[p > edge]",
        "the caller cannot write into what predict gave",
        ("tests/layers/test_predictors.py",),
    ),
    Mutant(
        "NaN has a label",
        "python/forwardpass/nn/choice.py",
        "    return bool(value != value)",
        "    return False",
        "rows with what is missing get a label, with no word of it",
        ("tests/layers/test_predictors.py",),
    ),
    Mutant(
        "a sigmoid gives one label of several",
        "python/forwardpass/nn/smooth.py",
        'return "chances"',
        'return "scores"',
        "two classes are told apart at 0, which every probability is above",
        ("tests/layers/test_predictors.py",),
    ),
    Mutant(
        "labels before their size is known",
        "python/forwardpass/files/cost.py",
        "labels = sum(each.nbytes(layer[name]) for name, each in kind.labels.items())",
        "labels = 0",
        "one long label makes all others as long, in gigabytes",
        ("tests/files/test_bad_files.py",),
    ),
    Mutant(
        "labels that their dtype does not hold",
        "python/forwardpass/nn/labels.py",
        "if labels.tolist() != values:",
        "if False:",
        "a label from a file is cut, or rounded",
        ("tests/files/test_bad_files.py",),
    ),
    Mutant(
        "columns in any order",
        "python/forwardpass/nn/frames.py",
        "if [*columns] == [*expected] or",
        "if {*columns} == {*expected} or",
        "a table with other columns in these places is taken, and the answer is wrong",
        ("tests/layers/test_tables.py",),
    ),
    Mutant(
        "folding loses labels",
        "python/forwardpass/nn/fold.py",
        "own_class(type(network), Module)(*layers, **network.made_from()[1])",
        "Sequential(*layers)",
        "a folded classifier has no predict",
        ("tests/layers/test_predictors.py",),
    ),
)
