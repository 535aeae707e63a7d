"""One line on stderr that says what is going on, where someone watches a terminal."""

import sys
import time


class Progress:
    """Call it with what happens now; it draws once the whole has taken a second."""

    def __init__(self, steps: int) -> None:
        self.steps, self.step, self.start = steps, 0, time.monotonic()
        self.drawn = False

    def __call__(self, text: str) -> None:
        """Show `text` beside the bar."""
        if not sys.stderr.isatty() or time.monotonic() - self.start < 1:
            return
        done = 20 * self.step // max(1, self.steps)
        print(f"\r[{'=' * done}{' ' * (20 - done)}] {text:60.60}", end="", file=sys.stderr, flush=True)
        self.drawn = True

    def advance(self) -> None:
        """One step is done."""
        self.step += 1

    def clear(self) -> None:
        """Remove the line."""
        if self.drawn:
            print("\r" + " " * 84 + "\r", end="", file=sys.stderr, flush=True)
            self.drawn = False
