"""Manners of the source: errors are neither printed nor swallowed, no state is shared, no machine is named."""

import ast
import re
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from tiny.modules import TREE, modules, texts

MODULES = modules()
# Folders that exist on somebody's machine only.
SOMEBODYS_FOLDER = re.compile(r"(?<![\w.:/~{}-])/(?:work|root|home|Users|tmp/peer)/\w")


def _offences(kind: type | tuple[type, ...], wrong: Callable[[Any], bool], rooms: set[str] | None = None) -> list[str]:
    """Every node of this kind that is wrong, as 'module:line code'; in these rooms, or in all."""
    return [
        f"{module.name}:{node.lineno} {ast.unparse(node).splitlines()[0]}"
        for module in MODULES
        if rooms is None or module.room in rooms
        for node in ast.walk(module.tree)
        if isinstance(node, kind) and wrong(node)
    ]


def test_a_module_says_its_idea() -> None:
    assert not [module.name for module in MODULES if module.tree.body and not ast.get_docstring(module.tree)]


def test_the_library_does_not_print() -> None:
    library = {module.room for module in MODULES} - {"cli", "web"}
    assert not _offences(ast.Call, lambda call: ast.unparse(call.func) in ("print", "pprint"), library)


def test_no_error_is_swallowed() -> None:
    assert not _offences(ast.ExceptHandler, _swallows)


def _swallows(handler: ast.ExceptHandler) -> bool:
    """Everything is caught without a look at it, or something is caught and nothing done."""
    catches_all = handler.type is None or ast.unparse(handler.type) in ("Exception", "BaseException")
    names = {node.id for node in ast.walk(handler) if isinstance(node, ast.Name)}
    looked_at = handler.name in names or any(isinstance(node, ast.Raise) for node in ast.walk(handler))
    return all(_does_nothing(line) for line in handler.body) or (catches_all and not looked_at)


def _does_nothing(line: ast.stmt) -> bool:
    returns_nothing = isinstance(line, ast.Return) and (line.value is None or ast.unparse(line.value) == "None")
    bare = isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant)
    return returns_nothing or bare or isinstance(line, ast.Pass | ast.Continue)


@pytest.mark.parametrize(
    ("body", "swallowed"),
    [
        ("except: raise", False),
        ("except: x = 1", True),
        ("except OSError: pass", True),
        ("except OSError: return None", True),
        ("except OSError: return 1", False),
        ("except Exception: return 1", True),
        ("except Exception as error: raise ValueError from error", False),
    ],
)
def test_a_swallowed_error_would_be_seen(body: str, swallowed: bool) -> None:
    handler = next(node for node in ast.walk(ast.parse(f"def f():\n try: g()\n {body}")) if hasattr(node, "type"))
    assert _swallows(handler) is swallowed


def test_nothing_is_suppressed_wholesale() -> None:
    wholesale = re.compile(r"(contextlib\.)?suppress\(.*\b(Base)?Exception\b")
    assert not _offences(ast.Call, lambda call: bool(wholesale.match(ast.unparse(call))))


def test_no_state_is_global() -> None:
    assert not _offences(ast.Global, lambda _: True)


def test_the_search_path_of_modules_is_left_alone() -> None:
    assert not _offences(ast.Attribute, lambda node: ast.unparse(node) == "sys.path")


def test_warnings_and_threads_are_left_alone() -> None:
    forbidden = re.compile(r"warnings\.(filterwarnings|simplefilter)|.*set_num(_interop)?_threads|logging\.basicConfig")
    assert not _offences(ast.Call, lambda call: bool(forbidden.match(ast.unparse(call.func))))


def test_float64_tensors_are_made_on_the_host_only() -> None:
    """MPS has no float64: a function that asks torch for it says in its docstring that it works on the host."""
    assert not _offences(ast.FunctionDef, lambda one: _asks_for_float64(one) and "host" not in _doc(one))


def _asks_for_float64(function: ast.FunctionDef) -> bool:
    names = {ast.unparse(node) for node in ast.walk(function) if isinstance(node, ast.Attribute)}
    return any(name in ("torch.float64", "torch.double") or name.endswith(".double") for name in names)


def _doc(function: ast.FunctionDef) -> str:
    return ast.get_docstring(function) or ""


def test_no_text_names_somebodys_folder() -> None:
    lines = ((file, line) for file in texts() for line in file.read_text(encoding="utf-8").splitlines())
    assert not [f"{file.relative_to(TREE)}: {line[:120]}" for file, line in lines if SOMEBODYS_FOLDER.search(line)]


@pytest.mark.parametrize("name", ["work", "root", "home", "Users"])
def test_a_folder_of_somebody_would_be_seen(name: str) -> None:
    assert SOMEBODYS_FOLDER.search(f"see '/{name}/me/x'") and not SOMEBODYS_FOLDER.search(f"~/{name}/me")


def test_test_files_have_names_of_their_own() -> None:
    names = sorted(file.name for file in (TREE / "tests").rglob("test_*.py"))
    assert not [one for one, next_one in pairwise(names) if one == next_one]
