"""The rooms of cpp/ are those of CONTRIBUTING.md's picture, and includes run downwards."""

import pytest

from tests import ROOT
from tests.repository import includes, structure

CHECKS: dict[str, structure.Check] = {
    "files lie in rooms": includes.files_outside_of_rooms,
    "includes are paths from cpp/": includes.includes_of_no_file,
    "includes run downwards": includes.includes_upwards,
    "kernels are their contract": includes.includes_of_kernels,
    "no include circle": includes.include_circles,
}

# What each check must find in which files.
NOTHING = ""
SAMPLES: dict[str, tuple[structure.Files, set[str]]] = {
    "files lie in rooms": (
        {path: NOTHING for path in ("cpp/CMakeLists.txt", "cpp/a.hpp", "cpp/attic/b.hpp", "cpp/kernels/isa/c.hpp")},
        {"cpp/a.hpp", "cpp/attic/b.hpp"},
    ),
    "includes are paths from cpp/": (
        {
            "cpp/network/a.cpp": '#include "b.hpp"\n#include "network/b.hpp"\n#include <vector>\n',
            "cpp/network/b.hpp": '#  include "../threads/c.hpp"',
            "tests/cpp/d.cpp": '#include "e.hpp"',
        },
        {"cpp/network/a.cpp: b.hpp", "cpp/network/b.hpp: ../threads/c.hpp"},
    ),
    "includes run downwards": (
        {
            "cpp/bindings/a.cpp": '#include "bindings/a.hpp"\n#include "network/b.hpp"\n#include "kernels/d.hpp"',
            "cpp/network/b.cpp": '#include "threads/c.hpp"\n#include "bindings/a.hpp"',
            "cpp/threads/c.cpp": '#include "machine/d.hpp"',
            "cpp/machine/d.cpp": '#include "threads/c.hpp"',
            "cpp/kernels/isa/e.cpp": '#include "kernels/vector.hpp"\n#include "machine/d.hpp"',
        },
        {
            "cpp/network/b.cpp: bindings/a.hpp",
            "cpp/threads/c.cpp: machine/d.hpp",
            "cpp/machine/d.cpp: threads/c.hpp",
            "cpp/kernels/isa/e.cpp: machine/d.hpp",
        },
    ),
    "kernels are their contract": (
        {
            "cpp/network/a.cpp": '#include "kernels/contract.hpp"\n#include "kernels/layout/panel.hpp"',
            "cpp/kernels/order.hpp": '#include "kernels/unrolled.hpp"',
            "tests/cpp/b.cpp": '#include "kernels/layout/panel.hpp"',
        },
        {"cpp/network/a.cpp: kernels/layout/panel.hpp"},
    ),
    "no include circle": (
        {
            "cpp/network/a.hpp": '#include "network/b.hpp"',
            "cpp/network/b.hpp": '#include "network/c.hpp"',
            "cpp/network/c.hpp": '#include "network/b.hpp"',
        },
        {"cpp/network/b.hpp", "cpp/network/c.hpp"},
    ),
}


def core() -> structure.Files:
    """Every file of cpp/."""
    paths = [path for path in (ROOT / "cpp").rglob("*") if path.is_file()]
    return {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in paths}


@pytest.mark.parametrize("name", CHECKS)
def test_each_check_finds_what_is_wrong(name: str) -> None:
    files, wrong = SAMPLES[name]
    assert CHECKS[name](files) == wrong


@pytest.mark.skipif(not (ROOT / "cpp").exists(), reason="the C++ code is not beside the tests")
@pytest.mark.parametrize("name", CHECKS)
def test_the_core(name: str) -> None:
    assert CHECKS[name](core()) == set()


@pytest.mark.skipif(not (ROOT / "cpp").exists(), reason="the C++ code is not beside the tests")
def test_each_room_has_a_line_in_the_picture() -> None:
    picture = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("```text")[2].partition("```")[0]
    assert [name for name in includes.BELOW if f"cpp/{name}/" not in picture] == []
