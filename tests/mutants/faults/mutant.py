"""One planted fault."""

from dataclasses import dataclass

# The programs of tests/cpp that look for a fault: the quickest first, as the first failure is enough.
CORE = ("golden", "ulp", "conformance", "stress")
# Finds whatever changes the bits of a function or of a layer of rows.
BITS = ("tests/contract/test_bits_of_today.py",)


@dataclass(frozen=True)
class Mutant:
    """One planted fault.

    Attributes
    ----------
    name : str
        What is wrong.
    file : str
        The file it is in, from the root of the project.
    before, after : str
        The exact text, which occurs once in the file, and what stands there instead.
    why : str
        What goes wrong with it.
    tests : tuple of str
        Programs of tests/cpp, and files or single tests for pytest: where one is, the extension is built as well.
    """

    name: str
    file: str
    before: str
    after: str
    why: str
    tests: tuple[str, ...] = CORE

    def occurrences(self, text: str) -> int:
        """How often `before` stands in the text of the file."""
        return text.count(self.before)

    def applied(self, text: str) -> str:
        """The text of the file with the fault in it.

        Raises
        ------
        ValueError
            Where `before` is not there exactly once.
        """
        if self.occurrences(text) != 1:
            raise ValueError(f"{self.name}: its text is {self.occurrences(text)} times in {self.file}, not once")
        return text.replace(self.before, self.after)
