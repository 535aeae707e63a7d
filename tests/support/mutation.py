"""Files that were changed at random, where changes find something."""

import numpy as np


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """One to three changes: bits, bytes, numbers that matter, pieces cut out, copied, moved or swapped."""
    made = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        at, length = int(rng.integers(len(made))), int(rng.integers(1, 33))
        match rng.integers(8):
            case 0:
                made[at] ^= 1 << int(rng.integers(8))
            case 1:
                made[at] = int(rng.integers(256))
            case 2:
                made[at : at + 4] = rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF]).astype("<u4").tobytes()
            case 3:
                del made[at : at + length]
            case 4:
                made[at:at] = made[at : at + length]
            case 5:
                other = int(rng.integers(len(made)))
                made[at : at + length] = made[other : other + length]
            case 6:
                del made[at:]
            case 7:
                digits = [i for i, byte in enumerate(made) if 48 <= byte <= 57]
                made[digits[at % len(digits)] if digits else at] = int(rng.integers(48, 58))
        if not made:
            return b""
    return bytes(made)
