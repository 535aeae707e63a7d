"""What is going on, on standard error: a bar on a terminal, and elsewhere a line for each step."""

import sys
import time

WIDTH, BAR = 100, 20


class Progress:
    """Tell it of each step before the step begins, and of what happens within it."""

    def __init__(self, steps: int, seconds: float) -> None:
        self.steps, self.expected = steps, seconds
        self.step, self.start, self.text = 0, time.monotonic(), ""

    def begin(self, text: str) -> None:
        """The next step, and what it is."""
        self.step += 1
        self.text = text
        if sys.stderr.isatty():
            self("")
        else:
            print(f"[{self.step}/{self.steps}] {text}, about {duration(self.left())} left", file=sys.stderr, flush=True)

    def __call__(self, detail: str) -> None:
        """What happens now: only a terminal shows it."""
        if sys.stderr.isatty():
            done = BAR * (self.step - 1) // self.steps
            text = f"[{'=' * done}{' ' * (BAR - done)}] {duration(self.left())} left: {self.text}{detail}"
            print(f"\r{text:{WIDTH}.{WIDTH}}", end="", file=sys.stderr, flush=True)

    def left(self) -> float:
        """Seconds, from what the steps so far have taken, or what they were expected to take."""
        done, taken = self.step - 1, time.monotonic() - self.start
        each = taken / done if done else self.expected / self.steps
        return max(0.0, each * self.steps - taken)

    def clear(self) -> None:
        """Remove the bar: something is printed below."""
        if sys.stderr.isatty():
            print(f"\r{'':{WIDTH}}\r", end="", file=sys.stderr, flush=True)


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
