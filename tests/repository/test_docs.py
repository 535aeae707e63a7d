"""Every example that the documentation shows is run, and must print what it shows."""

import doctest
import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

import forwardpass as fp
from forwardpass import _core
from tests import ROOT
from tests.support.origins import ABSENT

MUST_HAVE_SNIPPETS = ("README.md", "docs/tutorial.md", "docs/numerics.md")
PAGES = sorted({*MUST_HAVE_SNIPPETS, *(page.relative_to(ROOT).as_posix() for page in ROOT.glob("docs/*.md"))})
# What needs a library that is not there.
ABSENT_PAGES = {f"docs/from_{origin}.md" for origin in ABSENT}
ABSENT_MODULES = tuple(f"forwardpass.convert.{origin}" for origin in ABSENT)


def parse(text: str, name: str, path: str, globs: dict[str, Any], first_line: int = 0) -> doctest.DocTest:
    return doctest.DocTestParser().get_doctest(text, globs, name, path, first_line)


def run(test: doctest.DocTest) -> None:
    report: list[str] = []
    if doctest.DocTestRunner(verbose=False).run(test, out=report.append).failed:
        pytest.fail("".join(report), pytrace=False)


# ---- pages ----


def only_snippets(page: str) -> str:
    """The page with every line outside of its ```pycon blocks blank, so that line numbers stay."""
    kept = []
    fence = None
    for line in page.splitlines():
        if line.startswith("```"):
            fence = line.strip() if fence is None else None
            kept.append("")
        else:
            kept.append(line if fence == "```pycon" else "")
    assert fence is None, f"a {fence} block is never closed"
    return "\n".join(kept) + "\n"


def prompts(text: str) -> int:
    return sum(line.lstrip().startswith(">>>") for line in text.splitlines())


@pytest.mark.parametrize("page", [page for page in PAGES if page not in ABSENT_PAGES])
def test_page(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    snippets = only_snippets(text)
    test = parse(snippets, page, page, {"__name__": "__main__"})
    assert test.examples or page not in MUST_HAVE_SNIPPETS, f"{page} has no ```pycon block"
    assert len(test.examples) == prompts(text), f"{page} has >>> outside of its ```pycon blocks: it would not run"
    run(test)


# ---- docstrings ----


def modules() -> Iterator[ModuleType]:
    """The package and everything in it but __main__, which runs when imported, and _core, which is not Python."""
    yield fp
    for info in pkgutil.walk_packages(fp.__path__, "forwardpass."):
        if info.name.rpartition(".")[2] not in ("__main__", "_core"):
            yield importlib.import_module(info.name)


def python_examples() -> Iterator[doctest.DocTest]:
    for module in modules():
        yield from doctest.DocTestFinder(exclude_empty=True).find(module)


def bound_examples() -> Iterator[doctest.DocTest]:
    """What is bound from C++: doctest takes no notice of builtins."""
    bound = {name: value for name, value in vars(_core).items() if callable(value)}
    bound |= {f"Network.{name}": value for name, value in vars(_core.Network).items()}
    for name, value in bound.items():
        yield parse(getattr(value, "__doc__", None) or "", f"forwardpass._core.{name}", "cpp/bindings", {})


EXAMPLES = {test.name: test for test in [*python_examples(), *bound_examples()] if test.examples}


@pytest.mark.parametrize("name", sorted(name for name in EXAMPLES if not name.startswith(ABSENT_MODULES)))
def test_docstring(name: str) -> None:
    run(EXAMPLES[name])


@pytest.mark.parametrize("public", [name for name in fp.__all__ if callable(getattr(fp, name))])
def test_public_name_has_an_example(public: str) -> None:
    value = getattr(fp, public)
    full = f"{value.__module__}.{public}"
    assert any(name == full or name.startswith(full + ".") for name in EXAMPLES), f"no example in {full}"


def test_readme_shows_the_speeds_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import figures

    table = figures.read(ROOT / "benchmarks" / "zen5.csv")
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert figures.with_speeds(page, table) == page
    assert table.commit in (ROOT / "docs/figures/batches.svg").read_text(encoding="utf-8")
    slower = table._replace(times={row: {**us, figures.INTO: 99} for row, us in table.times.items()})
    assert figures.with_speeds(page, slower) != page
