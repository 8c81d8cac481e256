"""Who speaks: what engines are asked, what is made of their answers, and what is said when there are none."""

import json
import shutil
import sys

import numpy as np
import pytest
from tiny import meters, sounds, speakers

from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.errors import OptionError, SpeechError
from ultimate_rvc.options import SpeakingOptions
from ultimate_rvc.progress import silent
from ultimate_rvc.speech import system
from ultimate_rvc.speech.engines import list_voices, speak

# A piece of half a second has a sample less.
PIECE_S = 0.001
SYSTEM = SpeakingOptions(engine="system")
# The lowest and highest that espeak shifts its voice by, and half of the way.
PITCHES = ((-35, 0), (0, 50), (51, 90), (67, 99))


@pytest.fixture
def programs(tmp_path, monkeypatch):
    """The only folder on PATH."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setitem(sys.modules, "edge_tts", None)
    return tmp_path / "bin"


@pytest.fixture
def edge(programs, monkeypatch):
    module = speakers.fake_edge_tts()
    monkeypatch.setitem(sys.modules, "edge_tts", module)
    return module


def asked(log) -> list:
    return [json.loads(line) for line in log.read_text().splitlines()]


def option(arguments, flag):
    return arguments[arguments.index(flag) + 1]


def test_a_text_is_never_an_option(programs):
    log = speakers.write_program(programs, "espeak-ng")
    text = "--voices -w /x; $(touch y) 'ø曲'"
    spoken = speak(text, SYSTEM, silent)
    arguments, heard = asked(log)[-1]
    assert heard == text and "--stdin" in arguments and not any("touch" in each for each in arguments)
    assert (spoken.engine, spoken.voice) == ("espeak-ng", "en-us")
    assert spoken.audio.duration_s == pytest.approx(0.5, abs=PIECE_S) and spoken.audio.rate == speakers.RATE_HZ


def test_a_long_text_is_spoken_in_pieces_that_follow_each_other(programs):
    log, stages = speakers.write_program(programs, "espeak-ng"), []
    text = " ".join(["Nine words of text make a sentence of this."] * 60)
    spoken = speak(text, SYSTEM, stages.append)
    heard = [words for _, words in asked(log)]
    assert " ".join(heard) == text and len(heard) > 1
    assert spoken.audio.duration_s == pytest.approx(0.5 * len(heard), abs=PIECE_S)
    assert stages[0].done == 0 and stages[-1].done == stages[-1].total == len(text)
    assert [stage.done for stage in stages] == sorted(stage.done for stage in stages)


@pytest.mark.parametrize(("percent", "wpm"), [(0, 175), (100, 350), (-20, 140), (300, 450), (-90, 80)])
def test_speed_becomes_words_per_minute(programs, caplog, percent, wpm):
    log = speakers.write_program(programs, "espeak-ng")
    speak("hello", SpeakingOptions("system", tts_speed_change=percent), silent)
    assert option(asked(log)[-1][0], "-s") == str(wpm)
    assert ("words a minute" in caplog.text) == (percent in (300, -90))


@pytest.mark.parametrize(("hz", "pitch"), [*PITCHES, (-90, 0), (300, 99)])
def test_hertz_become_the_pitch_of_espeak(programs, caplog, hz, pitch):
    log = speakers.write_program(programs, "espeak-ng")
    speak("hello", SpeakingOptions("system", tts_pitch_shift=hz), silent)
    assert option(asked(log)[-1][0], "-p") == str(pitch)
    assert ("cannot shift" in caplog.text) == ((hz, pitch) not in PITCHES)


@pytest.mark.parametrize(("percent", "level_db"), [(0, 0.0), (-50, -6.02), (100, 6.02)])
def test_volume_changes_the_level(programs, percent, level_db):
    speakers.write_program(programs, "espeak-ng")
    plain, changed = (
        speak("hello", SpeakingOptions("system", tts_volume_change=each), silent).audio.samples for each in (0, percent)
    )
    assert meters.level_db(changed) - meters.level_db(plain) == pytest.approx(level_db, abs=0.01)


def test_what_becomes_too_loud_is_not_clipped():
    loud = Audio(sounds.tone(440, 1, speakers.RATE_HZ, peak=0.9), speakers.RATE_HZ)
    joined = system._joined([loud, loud], 2.0)
    assert joined.peak < 0.9 and np.array_equal(system._joined([loud], 1.0).samples, loud.samples)


@pytest.mark.parametrize(("name", "voice"), [("da", "da"), ("EN-GB", "en-gb"), ("da+f3", "da+f3")])
def test_a_voice_of_the_system_speaks(programs, name, voice):
    log = speakers.write_program(programs, "espeak-ng")
    assert speak("hej", SpeakingOptions("system", name), silent).voice == voice
    assert option(asked(log)[-1][0], "-v") == voice


@pytest.mark.parametrize(
    ("name", "voice"), [("da-DK-JeppeNeural", "da"), ("en-US-AvaNeural", "en-us"), ("en-AU-NatashaNeural", "en-gb")]
)
def test_a_voice_of_the_network_is_replaced_by_its_language_and_that_is_said(programs, caplog, name, voice):
    log = speakers.write_program(programs, "espeak-ng")
    speak("hej", SpeakingOptions("system", name), silent)
    assert option(asked(log)[-1][0], "-v") == voice and caplog.text.count(f"{voice} speaks instead") == 1


@pytest.mark.parametrize("name", ["nobody", "-x", "da+../f3", "mb/mb-us1", "en-us;ls"])
def test_a_voice_that_is_not_there_is_refused_before_anything_is_spoken(programs, name):
    log = speakers.write_program(programs, "espeak-ng")
    with pytest.raises(OptionError, match="list-edge-tts-voices"):
        speak("hello", SpeakingOptions("system", name), silent)
    assert [arguments for arguments, _ in asked(log)] == [["--voices"]]


def test_the_voices_are_those_that_need_nothing_else(programs):
    speakers.write_program(programs, "espeak")
    assert [voice.name for voice in list_voices("system")] == ["da", "en-gb", "en-us"]


def test_macos_speaks_with_say(programs, monkeypatch, caplog):
    monkeypatch.setattr(sys, "platform", "darwin")
    log = speakers.write_program(programs, "say", voices=speakers.SAY_VOICES)
    speakers.write_program(programs, "espeak-ng")
    options = SpeakingOptions("system", "eddy (english (uk))", tts_speed_change=20, tts_pitch_shift=9)
    assert speak("-v hello", options, silent).voice == "Eddy (English (UK))"
    arguments, heard = asked(log)[-1]
    assert heard == "-v hello" and arguments[:4] == ["-v", "Eddy (English (UK))", "-r", "210"]
    assert "say cannot shift" in caplog.text
    assert [voice.locale for voice in list_voices("system")] == ["en-US", "en-GB", "de-DE"]


def test_macos_chooses_its_own_voice_where_none_is_asked_for(programs, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    log = speakers.write_program(programs, "say", voices=speakers.SAY_VOICES)
    speak("hello", SYSTEM, silent)
    assert not {"-v", "-r"} & set(asked(log)[-1][0])


def test_a_system_without_voice_is_told_how_to_get_one(programs):
    with pytest.raises(SpeechError, match="apt install espeak-ng"):
        speak("hello", SYSTEM, silent)


@pytest.mark.parametrize(
    ("way", "said"), [("fail", "status 3: mbrowrap error: no such thing"), ("mute", "nothing"), ("hang", "within")]
)
def test_a_program_that_fails_is_one_line(programs, monkeypatch, way, said):
    monkeypatch.setattr(system, "PATIENCE_S", 1.0)
    speakers.write_program(programs, "espeak-ng", way=way)
    with pytest.raises(SpeechError, match=said) as caught:
        speak("hello", SYSTEM, silent)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_program_is_one_line(programs):
    speakers.write_program(programs, "espeak-ng")
    (programs / "espeak-ng").write_bytes(b"\x7fELF nothing")
    with pytest.raises(SpeechError, match="cannot be started"):
        speak("hello", SYSTEM, silent)


def test_edge_is_asked_with_signs_and_units(edge):
    options = SpeakingOptions("edge", None, tts_pitch_shift=-5, tts_speed_change=10, tts_volume_change=0)
    spoken = speak("hello", options, silent)
    assert edge.asked == [
        ("hello", "en-US-ChristopherNeural", {"rate": "+10%", "volume": "+0%", "pitch": "-5Hz"}),
    ]
    assert spoken.engine == "edge-tts" and spoken.audio.rate == 24_000 and np.abs(spoken.audio.samples).max() > 0.2


def test_edge_lists_its_voices(edge):
    voices = list_voices("edge")
    assert [voice.locale for voice in voices] == ["en-US", "en-GB", "da-DK"]
    assert voices[0].categories == ("News",) and voices[0].personalities == ("Friendly", "Warm")


def test_a_name_that_is_none_of_edge_is_an_option_error(edge):
    with pytest.raises(OptionError, match="'bob'"):
        speak("hello", SpeakingOptions("edge", "bob"), silent)


def test_edge_that_is_not_installed_names_the_extra(programs):
    with pytest.raises(SpeechError, match="install --speech"):
        speak("hello", SpeakingOptions("edge"), silent)


@pytest.mark.parametrize("failure", [OSError("Cannot connect ssl:<SSL at 0x1> [no\nname]"), TimeoutError()])
def test_no_network_is_one_line(programs, monkeypatch, failure):
    monkeypatch.setitem(sys.modules, "edge_tts", speakers.fake_edge_tts(failure))
    for work in (lambda: speak("hello", SpeakingOptions("edge"), silent), lambda: list_voices("edge")):
        with pytest.raises(SpeechError, match="needs the network") as caught:
            work()
        assert "\n" not in str(caught.value) and "0x1" not in str(caught.value) and "()" not in str(caught.value)


def test_auto_takes_edge_where_it_answers(edge, programs):
    speakers.write_program(programs, "espeak-ng")
    assert speak("hello", SpeakingOptions(), silent).engine == "edge-tts"


def test_auto_takes_the_system_where_edge_fails_and_says_so(programs, monkeypatch, caplog):
    monkeypatch.setitem(sys.modules, "edge_tts", speakers.fake_edge_tts(OSError("no route")))
    speakers.write_program(programs, "espeak-ng")
    assert speak("hello", SpeakingOptions(), silent).engine == "espeak-ng"
    assert "no route" in caplog.text and "instead" in caplog.text


def test_auto_without_any_engine_tells_both_reasons(programs):
    with pytest.raises(SpeechError, match=r"install --speech.*apt install"):
        speak("hello", SpeakingOptions(), silent)


@pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")
def test_the_real_espeak_speaks_faster_and_higher_when_asked():
    text = "The quick brown fox jumps over the lazy dog."
    plain, fast = (speak(text, SpeakingOptions("system", None, 0, each), silent).audio for each in (0, 100))
    assert 0.4 < fast.duration_s / plain.duration_s < 0.7 and plain.peak > 0.1
    voices = [voice.name for voice in list_voices("system")]
    assert "en-us" in voices and speak("hej", SpeakingOptions("system", "da"), silent).audio.duration_s > 0.2
