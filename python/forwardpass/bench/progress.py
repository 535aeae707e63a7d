"""What is going on, on standard error: a bar on a terminal, and elsewhere a line for each step."""

import shutil
import sys
import time

BAR = 20


class Progress:
    """Tell it of each step before the step begins, and of what happens within it."""

    def __init__(self, expected: list[float]) -> None:
        self.expected = expected  # seconds that each step takes, about
        self.step, self.start, self.text = 0, time.monotonic(), ""

    def begin(self, text: str) -> None:
        """The next step, and what it is."""
        self.step += 1
        self.text = text
        if sys.stderr.isatty():
            self("")
        else:
            print(
                f"[{self.step}/{len(self.expected)}] {text}, about {duration(self.left())} left",
                file=sys.stderr,
                flush=True,
            )

    def __call__(self, detail: str) -> None:
        """What happens now: only a terminal shows it."""
        if sys.stderr.isatty():
            done = BAR * (self.step - 1) // len(self.expected)
            text = f"[{'=' * done}{' ' * (BAR - done)}] {duration(self.left())} left: {self.text}{detail}"
            print(f"\r{text:{width()}.{width()}}", end="", file=sys.stderr, flush=True)

    def left(self) -> float:
        """Seconds, as expected, or so many times longer as the steps before took."""
        taken, done = time.monotonic() - self.start, sum(self.expected[: self.step - 1])
        slower = max(1.0, taken / done) if done else 1.0
        return max(0.0, sum(self.expected) * slower - taken)

    def clear(self) -> None:
        """Remove the bar: something is printed below."""
        if sys.stderr.isatty():
            print(f"\r{'':{width()}}\r", end="", file=sys.stderr, flush=True)


def width() -> int:
    """Of the bar: one that wraps would not be drawn over."""
    return min(100, shutil.get_terminal_size().columns - 1)


def duration(seconds: float) -> str:
    """As a person says it.

    Examples
    --------
    >>> from forwardpass.bench.progress import duration
    >>> duration(7.2), duration(90), duration(3600)
    ('8 s', '1 min 30 s', '60 min')
    """
    whole = int(-(-seconds // 1))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if rest and minutes < 10 else f"{minutes} min"
