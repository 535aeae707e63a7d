"""Comments give reasons, and few figures; what was measured stands in benchmarks/log.md.

A figure is a number that a reader has to believe. These are none:

- a name: `fma-v2`, `AVX2`, `x0`, GCC 12, Zen 4, leaf 7;
- a number beside an operator, as in `K > 128` or 2^16: a formula can be checked where it stands;
- a line that is indented by three spaces: a picture, or a list of names.

Of the rest a comment has at most three. What was measured, a number with a unit of time,
rate or share, cites `[log N]`.
"""

import io
import re
import tokenize
from collections.abc import Iterator

import pytest

from tests import ROOT

FOLDERS = ("cpp", "python", "tests", "benchmarks", "tools")
SOURCES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in FOLDERS
    for path in (ROOT / folder).rglob("*")
    if path.suffix in (".cpp", ".hpp", ".py")
)
AT_MOST = 3
# What does not hold yet. The list only shrinks: whoever mends a file takes it out, or the test is red.
TO_MEND: set[str] = set()

COMMENT = re.compile(r'^(?:[^"\n]|"(?:\\.|[^"\\\n])*")*?(//(.*))$')
CITATION = re.compile(r"\[log ([^\]]*)\]")
NAME = re.compile(r"\b(?:GCC|Clang|Zen|Python|CPython|Debian|Bochs|leaf|leaves) \d[\d.-]*|\b[A-Za-z_]\w*-?\w*\d\w*")
NUMBER = r"\d(?:[\d.,]*\d)?(?:e[+-]?\d+)?"
OPERATOR = r"[-+*/^=<>|()\[\]]"
FORMULA = re.compile(rf"(?:{OPERATOR} ?)+{NUMBER}(?!\w)|(?<!\w){NUMBER} ?(?={OPERATOR})")
FIGURE = re.compile(rf"(?<![\w.]){NUMBER}(?!\w)")
MEASURED = re.compile(rf"{NUMBER} ?(?:%|ns\b|us\b|ms\b|GFLOP/s|GFMA/s|GB/s)")


def lines(text: str, python: bool) -> Iterator[tuple[int, bool, str]]:
    """Each line of comment: its number, whether it is a line of nothing else, and the words."""
    if python:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], not token.line[: token.start[1]].strip(), token.string[1:]
        return
    for number, line in enumerate(text.splitlines(), 1):
        if (match := COMMENT.match(line)) is not None:
            yield number, not line[: match.start(1)].strip(), match[2]


def comments(text: str, python: bool) -> Iterator[tuple[int, str]]:
    """The line and the words of each comment: lines of comment alone that follow each other are one."""
    block: list[str] = []
    last = 0
    for number, alone, line in [*lines(text, python), (-1, False, "")]:
        if block and not (alone and number == last + 1):
            yield last - len(block) + 1, "\n".join(block)
            block = []
        if alone:
            block.append(line)
            last = number
        else:
            yield number, line


def words(comment: str) -> str:
    """The comment without pictures, names and citations."""
    prose = "\n".join(line for line in comment.splitlines() if not line.startswith("   "))
    return NAME.sub(" ", CITATION.sub(" ", prose))


def figures(comment: str) -> list[str]:
    return FIGURE.findall(FORMULA.sub(" ", words(comment)))


def measured(comment: str) -> list[str]:
    return MEASURED.findall(FORMULA.sub(" ", words(comment)))


def entries() -> set[int]:
    """The numbers of the log's entries: a heading each, or a line each below a heading of several."""
    log = (ROOT / "benchmarks/log.md").read_text(encoding="utf-8")
    return {int(number) for number in re.findall(r"^(?:## |- )(\d+)(?: \(.*\))?[:,]", log, re.MULTILINE)}


def faults(text: str, python: bool = False) -> list[str]:
    known, found = entries(), []
    for line, comment in comments(text, python):
        if len(figures(comment)) > AT_MOST:
            found.append(f"line {line}: figures {', '.join(figures(comment))}")
        cited = CITATION.findall(comment)
        if measured(comment) and not cited:
            found.append(f"line {line}: {', '.join(measured(comment))} without [log N]")
        found += [f"line {line}: [log {number}] is no entry" for number in cited if int(number) not in known]
    return found


@pytest.mark.skipif(not SOURCES, reason="the C++ code is not beside the tests")
@pytest.mark.parametrize("source", SOURCES)
def test_few_figures_and_each_measurement_cited(source: str) -> None:
    found = faults((ROOT / source).read_text(encoding="utf-8"), python=source.endswith(".py"))
    assert not found or source in TO_MEND, found
    assert found or source not in TO_MEND, "mended: take it out of TO_MEND"


@pytest.mark.skipif(not SOURCES, reason="the log is not beside the tests")
@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("// K > 128, 2^16 rows and 3 + 4 of GCC 12, fma-v2 and AVX2\n", 0),
        ("//     k   0 1 2 3 4 5\n", 0),
        ('puts("// 1 2 3 4");\n', 0),
        ("// 5 rows of 6, 7 of 8\n", 1),
        ("// 5 rows of 6,\n// 7 of 8\n", 1),
        ("// 5 rows of 6\nint x;  // 7 of 8\n", 0),
        ("// a call takes 5 ns\n", 1),
        ("// 5 % slower [log 1]\n", 0),
        ("// 5 % slower [log 12345]\n", 1),
    ],
)
def test_the_rule_itself(text: str, count: int) -> None:
    assert len(faults(text)) == count


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("x = '# 1 2 3 4'\n", 0),
        ("# 5 rows of 6,\n# 7 of 8\n", 1),
        ("# 5 rows of 6\nx = 1  # 7 of 8\n", 0),
        ("x = 1  # 5 rows of 6, 7 of 8\n", 1),
    ],
)
def test_the_rule_in_python(text: str, count: int) -> None:
    assert len(faults(text, python=True)) == count


def test_what_is_to_mend_exists() -> None:
    assert {*SOURCES} >= TO_MEND
