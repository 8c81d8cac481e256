"""The package as source: its modules, what each imports and when, and every text of the tree."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

TREE = Path(__file__).parents[2]
PACKAGE = "ultimate_rvc"
TEXTS = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".sh", ".txt", ".cfg", ""}
NOT_OURS = {".git", ".venv", "build", "dist", "models", "voice_models", "audio", "temp", "logs", "config"}


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    name: str
    path: Path

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"))

    @property
    def room(self) -> str:
        """The first name below the package: 'rvc' of ultimate_rvc.rvc.infer; '' for the package itself."""
        return f"{self.name}.".split(".")[1]

    def imports(self) -> set[str]:
        """Every module named in an import statement, also inside functions and for type checkers."""
        return {name for node in ast.walk(self.tree) for name in _named(node)}

    def imports_on_import(self) -> set[str]:
        """Those that run when the module is imported."""
        return {name for node in _running(self.tree) for name in _named(node)}


def modules() -> list[Module]:
    """Every module of the package, by name."""
    return [Module(_name(path), path) for path in sorted((TREE / PACKAGE).rglob("*.py"))]


def room_of(name: str) -> str | None:
    """The room of an imported name, None where it is not this package's."""
    package, _, inside = name.partition(".")
    return inside.split(".")[0] if package == PACKAGE else None


def texts() -> list[Path]:
    """Every text file of the tree that is not made by running something."""
    top = [path for path in TREE.iterdir() if path.name not in NOT_OURS and not path.name.endswith("_cache")]
    files = (file for path in top for file in ([path] if path.is_file() else path.rglob("*")))
    return sorted(file for file in files if _is_text(file))


def _is_text(file: Path) -> bool:
    parts = set(file.relative_to(TREE).parts)
    return file.is_file() and file.suffix in TEXTS and not parts & {"__pycache__", ".hypothesis"}


def _name(path: Path) -> str:
    parts = path.relative_to(TREE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _named(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: imports name their module in full"
        # `from ultimate_rvc import paths` imports a module, `from torch import nn` needs its first part only.
        return [f"{node.module}.{alias.name}" for alias in node.names]
    return []


def _running(node: ast.AST) -> Iterator[ast.AST]:
    """What runs at import: not the bodies of functions, and not what only type checkers read."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _running(child)
