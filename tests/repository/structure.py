"""What the shape of the code promises, found in its text: each check takes files and names what breaks it.

Files are a dictionary from a path, from the root of the project, to its text.
"""

import ast
import re
from collections.abc import Callable, Iterator

Files = dict[str, str]
Check = Callable[[Files], set[str]]

MOST_LINES, MOST_LINES_OF_FUNCTION = 300, 60
PACKAGE = "python/forwardpass/"


def long_files(files: Files) -> set[str]:
    """Of more lines than one reads in one go."""
    return {path for path, text in files.items() if text.count("\n") > MOST_LINES}


def long_functions(files: Files) -> set[str]:
    """Their docstrings included."""
    return {
        f"{path}:{node.name}"
        for path, tree in trees(files)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MOST_LINES_OF_FUNCTION
    }


def tests_that_import_tests(files: Files) -> set[str]:
    """What two tests need belongs to tests/support."""
    return {
        path
        for path, tree in trees(files)
        if any(re.match(r"tests\.(.+\.)?test_", name) for name in imported(path, tree, types=True))
    }


def import_circles(files: Files) -> set[str]:
    """Modules of the package that import each other, on any way and at any time."""
    modules = {module_of(path): path for path in files if path.startswith(PACKAGE)}
    uses: dict[str, set[str]] = {}
    for module, path in modules.items():
        names = {name for name in imported(path, ast.parse(files[path]), types=False) if not name.endswith("._core")}
        uses[module] = {name if name in modules else name.rpartition(".")[0] for name in names} & modules.keys()
        uses[module].discard(module)
    return {module for module in modules if module in reached_from(uses, module)}


def reached_from(uses: dict[str, set[str]], start: str) -> set[str]:
    """All that it uses, and what those use."""
    reached: set[str] = set()
    waiting = set(uses[start])
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting |= uses[module]
    return reached


def others_secrets(files: Files) -> set[str]:
    """Names with an underscore that another module of ours defines; `_core` is a module that all may use."""
    owners: dict[str, set[str]] = {}
    for path, tree in trees(files):
        for name in defined(tree):
            owners.setdefault(name, set()).add(path)
    return {
        f"{path}: {name}"
        for path, tree in trees(files)
        for name in used(tree)
        if is_secret(name) and name in owners and path not in owners[name]
    }


def is_secret(name: str) -> bool:
    """Whether it is its module's own business: not a protocol of Python, nor what every NamedTuple has."""
    return name.startswith("_") and not name.endswith("_") and name not in ("_core", "_replace", "_asdict")


def defined(tree: ast.Module) -> Iterator[str]:
    """Names of functions and classes, and what values are assigned to."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
                yield name


def used(tree: ast.Module) -> Iterator[str]:
    """Attributes that are read, and imported names."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=name, ctx=ast.Load()):
                yield name
            case ast.ImportFrom(names=names):
                yield from (alias.name for alias in names)


def imported(path: str, tree: ast.Module, types: bool) -> Iterator[str]:
    """Full names of what a file imports, each as a module and as a name in one; without `types`, what runs."""
    package = module_of(path).split(".")
    if not path.endswith("__init__.py"):
        package.pop()
    for node in ast.walk(tree if types else without_types(tree)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def without_types(tree: ast.Module) -> ast.Module:
    """Without the blocks that only a type checker reads."""

    class Without(ast.NodeTransformer):
        def visit_If(self, node: ast.If) -> ast.AST | None:
            return None if ast.unparse(node.test) == "TYPE_CHECKING" else self.generic_visit(node)

    kept: ast.Module = Without().visit(tree)
    return kept


def module_of(path: str) -> str:
    """Its name as Python imports it."""
    return path.removeprefix("python/").removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def trees(files: Files) -> Iterator[tuple[str, ast.Module]]:
    """The syntax of each Python file."""
    return ((path, ast.parse(text)) for path, text in files.items() if path.endswith(".py"))
