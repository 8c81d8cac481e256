"""`urvc-web`: where it listens, and what it says of that."""

import pytest

from ultimate_rvc.web import main as web


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ([], ("127.0.0.1", 7860, False)),
        (["--listen"], ("0.0.0.0", 7860, False)),
        (["-l", "-h", "192.0.2.7", "-p", "8000"], ("192.0.2.7", 8000, False)),
        (["--listen-host", "127.0.0.1", "--share"], ("127.0.0.1", 7860, True)),
    ],
)
def test_flags_say_where_it_listens(
    words: list[str], asked: tuple[str, int, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    monkeypatch.setattr(web, "run", lambda host, port, *, share: seen.append((host, port, share)))
    assert web.main(words) == 0 and seen == [asked]


class Stop(Exception):
    """Instead of listening."""


REACHED = [("127.0.0.1", False, 0), ("0.0.0.0", False, 1), ("::1", True, 1)]


@pytest.mark.parametrize(("host", "share", "warned"), REACHED)
def test_a_page_that_others_reach_is_warned_of(
    host: str, share: bool, warned: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stop(*_: object) -> None:
        raise Stop

    monkeypatch.setattr(web, "require_packages", lambda: None)
    monkeypatch.setattr(web, "_listener", stop)
    with pytest.raises(Stop):
        web.run(host, 0, share=share)
    assert capsys.readouterr().err.count("no password") == warned


def test_without_gradio_there_is_the_line_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(web, "find_spec", lambda name: None)
    assert web.main([]) == 1
    assert "ultimate-rvc[web]" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--listen-port", "99999"], ["--listne"]])
def test_a_flag_that_does_not_fit_has_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert web.main(words) == 2
    assert "Error" in capsys.readouterr().err
