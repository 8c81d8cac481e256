"""The reader's language is chosen from what the browser says, and every phrase of the page is known in each."""

import pytest
from tiny.phrases import phrases

from ultimate_rvc.options import MixOptions
from ultimate_rvc.web import texts
from ultimate_rvc.web.controls import controls
from ultimate_rvc.web.texts import LANGUAGES, chosen_language, text


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("zh-TW,zh;q=0.9,en;q=0.8", "zh-TW"),
        ("zh-CN", "zh-TW"),
        ("en-GB,en;q=0.9", "en"),
        ("de,zh;q=0.5,en;q=0.4", "zh-TW"),
        ("en;q=0.3, zh;q=0.9", "zh-TW"),
        ("zh;q=0, en", "en"),
        ("fr", "en"),
        ("", "en"),
        (None, "en"),
        ("zh;q=much,en", "en"),
    ],
)
def test_the_browser_says_the_language(accepted: str | None, language: str) -> None:
    assert chosen_language(accepted) == language


def test_what_was_switched_to_goes_first() -> None:
    assert chosen_language("en", "zh-TW") == "zh-TW"
    assert chosen_language("zh-TW", "../../etc") == "zh-TW"


def test_a_missing_phrase_stays_english() -> None:
    assert text("no such phrase: {}", "zh-TW", 3) == "no such phrase: 3"


def test_a_field_is_called_as_on_the_command_line() -> None:
    gain = next(one for one in controls(MixOptions) if one.spec.name == "main_gain")
    assert texts.label_of(gain.record, gain.spec, "en") == "Main gain"
    assert texts.help_of(gain.record, gain.spec, "en") == gain.spec.metadata["help"]


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != texts.ENGLISH])
def test_every_phrase_of_the_page_is_known(language: str) -> None:
    known = texts._known(language)["phrases"]
    assert [phrase for phrase in phrases() if phrase not in known] == []
    assert [phrase for phrase in phrases() if phrase.count("{}") != known[phrase].count("{}")] == []
