"""The rooms of cpp/, found in its includes: each check takes files and names what breaks it.

Files are a dictionary from a path, from the root of the project, to its text. Programs of tests/cpp and benchmarks/cpp
may include anything, as they try and measure the insides of the kernels.
"""

import re

from tests.repository.structure import Files, reached_from

# What each room may include besides its own files: the picture of CONTRIBUTING.md.
BELOW = {
    "bindings": {"network", "threads", "machine", "kernels"},
    "network": {"threads", "machine", "kernels"},
    "threads": {"kernels"},
    "machine": {"kernels"},
    "kernels": set[str](),
}
CONTRACT = "kernels/contract.hpp"
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def files_outside_of_rooms(files: Files) -> set[str]:
    """All but CMakeLists.txt lies in a folder of the picture."""
    core = {path for path in files if path.startswith("cpp/")} - {"cpp/CMakeLists.txt"}
    return {path for path in core if room(path) not in BELOW}


def includes_of_no_file(files: Files) -> set[str]:
    """An include is a path from cpp/, so that the other checks see where it leads."""
    return {f"{path}: {name}" for path, name in includes(files) if f"cpp/{name}" not in files}


def includes_upwards(files: Files) -> set[str]:
    """Or of a room beside it."""
    return {
        f"{path}: {name}"
        for path, name in includes(files)
        if room(f"cpp/{name}") not in {room(path), *BELOW.get(room(path), ())}
    }


def includes_of_kernels(files: Files) -> set[str]:
    """Of more than the contract, from outside."""
    return {
        f"{path}: {name}"
        for path, name in includes(files)
        if room(f"cpp/{name}") == "kernels" and room(path) != "kernels" and name != CONTRACT
    }


def include_circles(files: Files) -> set[str]:
    """Files that include each other, on any way."""
    uses: dict[str, set[str]] = {path: set() for path in files}
    for path, name in includes(files):
        uses[path] |= {f"cpp/{name}"} & files.keys()
    return {path for path in files if path in reached_from(uses, path)}


def includes(files: Files) -> list[tuple[str, str]]:
    """Each file of cpp/, and what it includes of ours."""
    return [(path, name) for path, text in files.items() if path.startswith("cpp/") for name in INCLUDE.findall(text)]


def room(path: str) -> str:
    """Its folder in cpp/, or nothing."""
    return path.split("/")[1] if path.count("/") > 1 else ""
