"""The shape of the code is what CONTRIBUTING.md says: structure.py finds nothing but what is still to be mended."""

import pytest

from tests import ROOT
from tests.repository import structure

CHECKS: dict[str, structure.Check] = {
    "files of at most 300 lines": structure.long_files,
    "functions of at most 60": structure.long_functions,
    "no test imports a test": structure.tests_that_import_tests,
    "no import circle": structure.import_circles,
    "underscores stay in their module": structure.others_secrets,
}

# What each check must find: files, and the names of what is wrong in them.
LONG = "x = 1\n" * 301
SAMPLES: dict[str, tuple[structure.Files, set[str]]] = {
    "files of at most 300 lines": (
        {"tests/a.py": LONG, "tests/b.py": LONG[6:], "cpp/c.hpp": LONG},
        {"tests/a.py", "cpp/c.hpp"},
    ),
    "functions of at most 60": (
        {"tests/a.py": "class A:\n    def f():\n" + "        x = 1\n" * 60 + "def g():\n" + "    x = 1\n" * 59},
        {"tests/a.py:f"},
    ),
    "no test imports a test": (
        {
            "tests/files/test_a.py": "from tests.files.test_b import x",
            "tests/files/test_b.py": "from .test_a import x",
            "tests/files/test_c.py": "def f():\n    import tests.files.test_a",
            "tests/files/test_d.py": "from tests.support import x\nfrom forwardpass import test_input",
        },
        {f"tests/files/test_{name}.py" for name in "abc"},
    ),
    "no import circle": (
        {
            "python/forwardpass/__init__.py": "from . import _core, a",
            "python/forwardpass/a.py": "from . import _core\nfrom .b import c",
            "python/forwardpass/b/__init__.py": "from . import c",
            "python/forwardpass/b/c.py": "def f():\n    from ..a import x",
            "python/forwardpass/d.py": "from .a import x\nif TYPE_CHECKING:\n    from .e import y",
            "python/forwardpass/e.py": "import forwardpass.d",
        },
        {"forwardpass.a", "forwardpass.b.c"},
    ),
    "underscores stay in their module": (
        {
            "python/forwardpass/a.py": "_x = 1\nclass A:\n    def _f(self): return self._f()",
            "python/forwardpass/b.py": "from .a import A, _x\nfrom . import _core\nA()._f()\ntorch._foreign()",
        },
        {"python/forwardpass/b.py: _x", "python/forwardpass/b.py: _f"},
    ),
}  # fmt: skip


def project() -> structure.Files:
    """Every file of code that is ours."""
    folders = [ROOT / name for name in ("python", "tests", "benchmarks", "tools", "cpp")]
    paths = [path for folder in folders for path in folder.rglob("*") if path.suffix in (".py", ".hpp", ".cpp")]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_finds_what_is_wrong(name: str) -> None:
    files, wrong = SAMPLES[name]
    assert CHECKS[name](files) == wrong


@pytest.mark.skipif(not (ROOT / "cpp").exists(), reason="the C++ code is not beside the tests")
@pytest.mark.parametrize("name", CHECKS)
def test_the_code(name: str) -> None:
    assert not CHECKS[name](project())
