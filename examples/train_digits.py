"""Train the digit classifier of `python -m forwardpass demo` and write its data files.

    pip install scikit-learn && python examples/train_digits.py python/forwardpass/data/digits.npz

The data are scikit-learn's bundled handwritten digits, 1797 images of 8 x 8 pixels from 0 to 16:
the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, UCI Machine
Learning Repository, 1998, licence CC BY 4.0). 1437 of them train a network 64-128-64-10 with ReLU;
360, drawn with the same share of each digit, are held out, and are what the demo shows. The 1437 go into a file beside,
digits_train.npz, for `demo --train`.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

HELD_OUT = 360
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", type=Path, help="where to write the .npz file")
    path = parser.parse_args().path

    images, labels = load_digits(return_X_y=True)
    train_x, test_x, train_y, test_y = train_test_split(
        images, labels, test_size=HELD_OUT, random_state=SEED, stratify=labels
    )
    classifier = MLPClassifier((128, 64), alpha=1e-3, max_iter=400, random_state=SEED)
    classifier.fit(train_x / 16, train_y)
    print(f"accuracy on {len(train_y)} trained on: {classifier.score(train_x / 16, train_y):.4f}")
    print(f"accuracy on {len(test_y)} held out:   {classifier.score(test_x / 16, test_y):.4f}")

    # scikit-learn's weights are (in, out); ours, as PyTorch's, (out_features, in_features). With
    # ReLU layers between them, the Linear layers are numbers 0, 2 and 4.
    state = {}
    for i, (weight, bias) in enumerate(zip(classifier.coefs_, classifier.intercepts_, strict=True)):
        state[f"{2 * i}.weight"] = weight.T.astype(np.float32)
        state[f"{2 * i}.bias"] = bias.astype(np.float32)
    np.savez_compressed(path, images=test_x.astype(np.uint8), labels=test_y.astype(np.uint8), **state)
    training = path.with_name("digits_train.npz")
    np.savez_compressed(training, images=train_x.astype(np.uint8), labels=train_y.astype(np.uint8))


if __name__ == "__main__":
    main()
