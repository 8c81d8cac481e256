"""The Chinese of the page names every option and says what the English says; both languages of a document agree."""

import ast
import re
from collections.abc import Iterator
from dataclasses import Field, fields
from functools import cache
from typing import Any

import pytest
import yaml
from tiny.modules import TREE, modules

from ultimate_rvc.cli.knobs import TITLES
from ultimate_rvc.web.texts import PARTS, line_text

LANGUAGE = TREE / "ultimate_rvc" / "web" / "languages" / "zh_TW.yaml"
DOCUMENTS = [("README.md", "README.zh-TW.md"), ("docs/mac.md", "docs/mac.zh-TW.md")]
# A label stands beside its control: this many characters fit on a phone.
LABEL_CHARACTERS = 14
# Whole words only: the 3 of mp3 and the 16 of bf16 are no numbers.
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*(?:\.\d+)?(?![A-Za-z])")
FLAG = re.compile(r"--[a-z][a-z-]+")
QUOTED = re.compile(r"'(-{0,2}\w[\w -]*)'")
UNIT = re.compile(r"\b(?:Hz|dB|kbit/s)(?!\w)")
PLACEHOLDER = re.compile(r"{[^}]*}")
UNITS_IN_WORDS = {"milliseconds": "毫秒", "seconds": "秒", "minutes": "分鐘", "percent": "百分", "megabytes": "MB"}
HAN = re.compile(r"[\u3400-\u9fff]")
# Audio, video, software, default, memory, cache, network, server, folder, import, export, load, screen, queue, quality.
NOT_OF_TAIWAN = (
    *("音頻", "視頻", "軟件", "默認", "內存", "緩存", "網絡", "服務器", "文件夾"),
    *("導入", "導出", "加載", "屏幕", "隊列", "質量"),
)
TELL_STAGES = {"Progress", "Task", "stage", "_stage", "running", "Counter", "_side_by_side"}
FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What stands in a message for something else.
VARIABLE = re.compile(r"'[A-Za-z]+'|bf16|127\.0\.0\.1|7860|…")
INLINE = re.compile(r"`([^`\n]+)`")


@cache
def language() -> dict[str, dict[str, Any]]:
    return yaml.safe_load(LANGUAGE.read_text(encoding="utf-8"))


def _options() -> dict[str, Field]:
    """Every option of the command line under the record that declares it."""
    return {f"{_owner(record, spec)}.{spec.name}": spec for record in TITLES for spec in fields(record)}


def _owner(record: type, spec: Field) -> str:
    return next(base.__name__ for base in record.__mro__ if spec.name in vars(base).get("__annotations__", {}))


def _texts() -> Iterator[tuple[str, str]]:
    """Every Chinese text, with where it stands."""
    for key, entry in language()["labels"].items():
        yield from ((f"{key}.{part}", text) for part, text in entry.items())
    for key, words in language()["choices"].items():
        yield from ((f"{key}={value}", text) for value, text in words.items())
    yield from language()["phrases"].items()
    yield from language()["lines"].items()


OPTIONS = _options()


def test_every_option_has_a_chinese_label_and_help_and_nothing_else_has() -> None:
    assert language()["labels"].keys() == OPTIONS.keys()
    assert all(entry.keys() == {"label", "help"} for entry in language()["labels"].values())


def test_the_file_holds_nothing_but_its_parts() -> None:
    assert tuple(language()) == PARTS


@pytest.mark.parametrize("key", OPTIONS)
def test_a_chinese_help_keeps_numbers_flags_and_units(key: str) -> None:
    said, meant = language()["labels"][key]["help"], OPTIONS[key].metadata["help"]
    for kept in (NUMBER, FLAG, UNIT, PLACEHOLDER):
        assert set(kept.findall(said)) == set(kept.findall(meant)), f"{said} — {meant}"
    assert all(quoted in said for quoted in QUOTED.findall(meant))
    assert all(unit in said for word, unit in UNITS_IN_WORDS.items() if re.search(rf"\b{word}\b", meant, re.IGNORECASE))


@pytest.mark.parametrize("key", OPTIONS)
def test_a_chinese_label_is_short_and_says_no_sentence(key: str) -> None:
    label = language()["labels"][key]["label"]
    assert 0 < len(label) <= LABEL_CHARACTERS and not set(label) & set("。，；")


@pytest.mark.parametrize("record", TITLES, ids=lambda record: record.__name__)
def test_labels_under_one_title_differ(record: type) -> None:
    labels = [language()["labels"][f"{_owner(record, spec)}.{spec.name}"]["label"] for spec in fields(record)]
    assert len(set(labels)) == len(labels)


def test_a_titles_words_are_translated() -> None:
    assert not set(TITLES.values()) - language()["phrases"].keys()


def test_translated_choices_are_values_of_their_option_and_show_it() -> None:
    for key, words in language()["choices"].items():
        assert not words.keys() - {str(choice) for choice in OPTIONS[key].metadata["choices"]}, key
        assert all(text.startswith(value) for value, text in words.items()), key


def test_a_phrase_keeps_its_placeholders_and_links() -> None:
    for phrase, said in language()["phrases"].items():
        assert PLACEHOLDER.findall(said) == PLACEHOLDER.findall(phrase), phrase
        assert re.findall(r"https?://", said) == re.findall(r"https?://", phrase), phrase


def test_a_line_that_is_translated_is_one_that_the_program_says_and_keeps_what_varies() -> None:
    said_here = {_pattern_of(node) for module in modules() for node in ast.walk(module.tree)}
    assert not language()["lines"].keys() - said_here
    for english, said in language()["lines"].items():
        places = [f"{{{number}}}" for number in range(english.count("{}"))]
        assert set(PLACEHOLDER.findall(said)) <= set(places), english  # Chinese has no plural


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("'notes.wav' cannot be decoded (no codec); export it again as wav or flac",
         "'notes.wav' 無法解碼（no codec）；請重新匯出為 wav 或 flac"),
        ("main_gain is 30; it must lie between -20 and 20", "main_gain 是 30；必須介於 -20 與 20 之間"),
        ("nobody has translated this; do something", "nobody has translated this; do something"),
    ],
)  # fmt: skip
def test_a_line_is_said_in_chinese_with_what_varies(line: str, said: str) -> None:
    assert (line_text(line, "zh-TW"), line_text(line, "en")) == (said, line)


def test_every_stage_that_people_wait_for_is_translated() -> None:
    stages = {word for module in modules() if module.room != "benchmark" for word in _first(module.tree, TELL_STAGES)}
    assert len(stages) > 20 and not stages - language()["phrases"].keys()


def test_the_chinese_is_traditional() -> None:
    """Big5 holds traditional characters only."""
    documents = [(name, _read(name)) for _, name in DOCUMENTS]
    foreign = {where: _not_in_big5(text) for where, text in (*_texts(), *documents)}
    assert not {where: found for where, found in foreign.items() if found}


def test_the_chinese_has_the_words_of_taiwan() -> None:
    documents = [(name, _read(name)) for _, name in DOCUMENTS]
    assert not [where for where, text in (*_texts(), *documents) if any(word in text for word in NOT_OF_TAIWAN)]


def _not_in_big5(text: str) -> str:
    return "".join(sorted({han for han in HAN.findall(text) if not han.encode("cp950", "ignore")}))


@pytest.mark.parametrize(("english", "chinese"), DOCUMENTS)
def test_both_languages_of_a_document_have_the_same_parts(english: str, chinese: str) -> None:
    one, other = _read(english), _read(chinese)
    assert _headings(one) == _headings(other)
    assert [_commands(block) for block in FENCED.findall(one)] == [_commands(block) for block in FENCED.findall(other)]
    assert _rows(one) == _rows(other)


@pytest.mark.parametrize(("english", "chinese"), DOCUMENTS)
def test_both_languages_of_a_document_name_the_same_words_of_the_program(english: str, chinese: str) -> None:
    one, other = (set(_ascii_words(_read(name))) for name in (english, chinese))
    assert one == other


@pytest.mark.parametrize(("english", "chinese"), DOCUMENTS)
def test_the_languages_of_a_document_point_to_each_other_in_their_third_line(english: str, chinese: str) -> None:
    assert _read(english).split("\n")[2] == f"English | [繁體中文]({chinese.rpartition('/')[2]})"
    assert _read(chinese).split("\n")[2] == f"[English]({english.rpartition('/')[2]}) | 繁體中文"


@pytest.mark.parametrize("name", [name for pair in DOCUMENTS for name in pair])
def test_links_of_a_document_lead_somewhere(name: str) -> None:
    folder, text = (TREE / name).parent, _read(name)
    anchors = {_anchor(line) for line in re.findall(r"^#+ (.+)$", text, re.MULTILINE)}
    for place in re.findall(r"\]\(([^)]+)\)", text):
        if not place.startswith("http"):
            assert place[1:] in anchors if place.startswith("#") else (folder / place).exists(), place


@pytest.mark.parametrize("name", DOCUMENTS[1])
def test_messages_of_the_guide_for_macs_are_the_programs_own(name: str) -> None:
    program = [part for module in modules() for part in _constants(module.tree)] + [_read("urvc-macos.sh")]
    messages = re.findall(r"^\| `([^`]+)` \| [^|]+ \|$", _read(name).split("\n## ")[-2], re.MULTILINE)
    parts = [part for message in messages for part in VARIABLE.split(message) if part.strip()]
    assert len(messages) > 10 and not [part for part in parts if not any(part in text for text in program)]


def _first(tree: ast.Module, callers: set[str]) -> Iterator[str]:
    """Texts among the arguments of these callers that are handed in by their place."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    for call in (call for call in calls if ast.unparse(call.func).split(".")[-1] in callers):
        yield from (word.value for word in call.args if isinstance(word, ast.Constant) and isinstance(word.value, str))


def _pattern_of(node: ast.AST) -> str:
    """A text of the program with {} for what varies; of anything else nothing."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    parts = node.values if isinstance(node, ast.JoinedStr) else []
    return "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in parts)


def _constants(tree: ast.Module) -> Iterator[str]:
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str))


def _read(name: str) -> str:
    return (TREE / name).read_text(encoding="utf-8")


def _headings(text: str) -> list[int]:
    """The depth of each, in order."""
    return [len(marks) for marks in re.findall(r"^(#+) ", FENCED.sub("", text), re.MULTILINE)]


def _commands(block: str) -> list[str]:
    """Its lines without what is said behind them."""
    return [line.split(" # ")[0].rstrip() for line in re.sub(r" {2,}#", " #", block).splitlines()]


def _rows(text: str) -> list[int]:
    """The cells of each row of a table, in order."""
    return [line.count("|") for line in FENCED.sub("", text).splitlines() if line.startswith("|")]


def _ascii_words(text: str) -> list[str]:
    return [word for word in INLINE.findall(FENCED.sub("", text)) if word.isascii() and "<" not in word]


def _anchor(heading: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
