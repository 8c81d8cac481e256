"""Texts: taken as they are or from a file, refused with a reason, cut where a sentence ends."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ultimate_rvc.errors import InputError
from ultimate_rvc.speech.text import LONGEST_TEXT, Script, pieces, read_script


def test_a_text_is_what_is_spoken():
    assert read_script("  Hello, world.\n") == Script("Hello, world.", "Text")


def test_a_file_gives_its_text_and_its_name(tmp_path):
    path = tmp_path / "My speech.txt"
    path.write_bytes("\ufeffBlåbærgrød – 曲\r\nzwei".encode())
    assert read_script(str(path)) == Script("Blåbærgrød – 曲\nzwei", "My speech")


def test_a_text_that_looks_like_an_option_is_a_text():
    assert read_script("-v --help").text == "-v --help"


def test_a_text_too_long_for_a_file_name_is_a_text():
    assert read_script("word " * 1_000).title == "Text"


def test_control_characters_are_not_spoken():
    assert read_script("a\x00b\x1b[31mc").text == "a b [31mc"


@pytest.mark.parametrize("source", ["", "   ", "...", "\x00"])
def test_what_holds_no_words_is_refused(source):
    with pytest.raises(InputError, match="no words"):
        read_script(source)


def test_a_file_that_is_not_there_is_not_spelled_out():
    with pytest.raises(InputError, match=r"notes\.txt: no such file"):
        read_script("notes.txt")
    assert read_script("I wrote it into notes.txt").title == "Text"


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="folder"):
        read_script(str(tmp_path))


def test_other_encodings_are_refused_with_the_place(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes("abc é".encode("latin-1"))
    with pytest.raises(InputError, match="byte 4"):
        read_script(str(path))


def test_a_text_without_end_is_refused(tmp_path):
    with pytest.raises(InputError, match=str(LONGEST_TEXT)):
        read_script("word " * LONGEST_TEXT)
    path = tmp_path / "long.txt"
    with path.open("wb") as file:
        file.truncate(5 * LONGEST_TEXT)
    with pytest.raises(InputError, match=f"{5 * LONGEST_TEXT} bytes"):
        read_script(str(path))


def test_pieces_end_where_sentences_do():
    assert list(pieces("One two. Three four! Five six? Seven.", 20)) == ["One two. Three four!", "Five six? Seven."]
    assert list(pieces("彼は来た。彼は見た。", 5)) == ["彼は来た。", "彼は見た。"]


@given(st.text(max_size=400), st.integers(1, 60))
def test_pieces_hold_every_word_in_order_and_are_short_enough(text, longest):
    cut = list(pieces(text, longest))
    assert all(0 < len(piece) <= longest for piece in cut)
    assert "".join("".join(cut).split()) == "".join(text.split())
