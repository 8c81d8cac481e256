"""Every English phrase that the page shows: what its code gives to `text`, and what it gets as data."""

import ast
from pathlib import Path

import ultimate_rvc.web
from ultimate_rvc.covers.stems import StemName
from ultimate_rvc.serve.job import State
from ultimate_rvc.web import library
from ultimate_rvc.web.controls import SWITCHES
from ultimate_rvc.web.form import TITLES
from ultimate_rvc.web.page import TABS
from ultimate_rvc.web.show import KINDS
from ultimate_rvc.web.tabs import generate, speech, voices

FOLDER = Path(ultimate_rvc.web.__file__).parent
# Functions whose first text is a phrase, and those where it comes later.
FIRST, LATER = {"t", "text", "voice_list", "dropped"}, {"_button", "_step", "listed", "listed_late"}
# Stages as covers, speech and training report them, and what their files are called.
STAGES = (
    *("read song", "read vocals", "read instrumentals", "read backup vocals", "look up song", "download song"),
    *("separate song", "separate vocals", "separate main vocals", "part main and backup vocals", "take reverb off"),
    *("load voice", "cut", "highpass", "pitch", "embed", "retrieve", "synthesize", "gather", "finish", "convert"),
    *("convert vocals", "convert backup vocals", "effects", "shift instrumentals", "shift backup vocals", "listen"),
    *("mix and save", "cover", "plot", "speak", "save", "copy files", "verify voices", "memory", "train", "index"),
    *("read files", "cut into slices", "content", "find pitch", "Converted vocals", "Effected vocals"),
    *("Converted backup vocals", "Shifted instrumentals", "Shifted backup vocals", "Speech", "Converted speech"),
    "Picture",
)


def phrases() -> list[str]:
    """All of them, each once."""
    found = {phrase for path in FOLDER.rglob("*.py") for phrase in _given(ast.parse(path.read_text(encoding="utf-8")))}
    told = {*SWITCHES, "none", *library.HEAD, *(words for _, words, _ in TABS), *(state.value for state in State)}
    titles = {*TITLES.values(), *KINDS.values()}
    notes = {*library.COMPANION_HEAD, *library.KIND_NAMES.values(), "here", "your own", "not on this machine"}
    steps = {heading for heading, _ in speech.SECTIONS} | {
        words for heading, button, *_ in generate.STEPS for words in (heading, button)
    }
    checks = {words for words, *_ in voices.CHECKS}
    stems = {name.value for name in StemName}
    every = found | told | steps | checks | titles | notes | stems | {"Cancel", "Remove", *STAGES}
    return sorted(every - {State.QUEUED.value})


def _given(tree: ast.AST) -> set[str]:
    """Texts that calls give to the functions above, and headings in the loops of speech and own tracks."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
            if name in FIRST and node.args and isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
            elif name in LATER:
                found.update(one for one in texts if " " in one or one[:1].isupper())
        elif isinstance(node, ast.For) and isinstance(node.iter, ast.Tuple):
            for row in node.iter.elts:
                if isinstance(row, ast.Tuple) and row.elts and isinstance(row.elts[0], ast.Constant):
                    found.add(row.elts[0].value)
        elif isinstance(node, ast.ListComp | ast.GeneratorExp) and isinstance(node.generators[0].iter, ast.Tuple):
            found.update(
                one.value for one in node.generators[0].iter.elts
                if isinstance(one, ast.Constant) and isinstance(one.value, str) and one.value[:1].isupper()
            )  # fmt: skip
        elif isinstance(node, ast.Dict):
            found.update(_state_words(node))
    return {one for one in found if isinstance(one, str)} - {"urvc"}


def _state_words(node: ast.Dict) -> set[str]:
    """The values of a table whose keys are states."""
    ours = [
        value.value
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Attribute) and isinstance(key.value, ast.Name) and key.value.id == "State"
        and isinstance(value, ast.Constant)
    ]  # fmt: skip
    return set(ours)
