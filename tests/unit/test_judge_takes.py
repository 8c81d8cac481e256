"""The judge's takes: conversions whose content was spoilt, with everything else as it was; and the page of findings."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny.encoders import write_encoder
from tiny.sounds import voice_like
from tiny.voices import write_voice

from starter.judge import report
from starter.judge.clips import Clip, Sound, read_clips
from starter.judge.faults import Faults
from starter.judge.judge import Finding, Words
from starter.judge.melody import Following
from starter.judge.speaker import Likeness, likeness, mean_voice
from starter.judge.takes import CONVERTED, SHUFFLED, SOURCE, Rearranged, Stage, constant, shuffled
from starter.judge.words import Choice
from ultimate_rvc.audio.file import save
from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.errors import InputError
from ultimate_rvc.options import ConversionOptions, EmbedderOptions, PitchOptions
from ultimate_rvc.voices.library import VoiceFiles


def test_shuffled_frames_are_the_same_frames_in_one_other_order() -> None:
    features = torch.randn(2, 40, 3)
    mixed = shuffled(features)
    assert torch.equal(mixed, shuffled(features)) and not torch.equal(mixed, features)
    assert torch.equal(mixed.sort(1).values, features.sort(1).values)


def test_constant_frames_are_their_mean() -> None:
    features = torch.randn(1, 40, 3)
    assert torch.allclose(constant(features), features.mean(1, keepdim=True))


def test_an_encoder_is_rearranged_behind_what_voices_ask_of_it() -> None:
    spoilt = Rearranged(lambda wav: torch.arange(5.0)[None, :, None] + wav.sum(), shuffled)
    found = spoilt.final_proj(spoilt(torch.zeros(1, 1_680))["last_hidden_state"])
    assert sorted(found.flatten().tolist()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_only_the_content_of_a_shuffled_take_differs(tmp_path: Path, version: str) -> None:
    options = ConversionOptions(
        PitchOptions(f0_method=("swift",)), EmbedderOptions("custom", str(write_encoder(tmp_path / "encoder")))
    )
    stage = Stage(VoiceFiles("toy", write_voice(tmp_path, version=version), None), options)
    clip = Clip("voice", "singing", Sound(Audio(voice_like(1.0, 16_000), 16_000)))
    source, plain, spoilt = stage.takes(clip, (SOURCE, CONVERTED, SHUFFLED), 12)
    assert source.sound is clip.sound and (source.semitones, plain.semitones, spoilt.semitones) == (0, 12, 12)
    assert plain.sound.audio.length == spoilt.sound.audio.length == 40_000
    assert not np.array_equal(plain.sound.audio.samples, spoilt.sound.audio.samples)
    again = next(stage.takes(clip, (CONVERTED,), 12))
    assert np.array_equal(plain.sound.audio.samples, again.sound.audio.samples)


def test_a_manifest_names_its_clips(tmp_path: Path) -> None:
    save(Audio(voice_like(0.5, 16_000), 16_000), tmp_path / "a.wav")
    manifest = tmp_path / "clips.yaml"
    manifest.write_text("[{name: a, kind: singing, file: a.wav, phones: 'K AA, L OW'}]")
    (clip,) = read_clips(manifest, tmp_path)
    assert (clip.name, clip.phones, len(clip.sound.wav_16k)) == ("a", ("K AA", "L OW"), 8_000)
    with pytest.raises(InputError, match="no clip b"):
        read_clips(manifest, tmp_path, ["b"])


def test_a_voice_moves_when_it_is_nearer_to_the_target() -> None:
    target, source = mean_voice([np.array([3.0, 0.0])]), np.array([0.0, 1.0])
    assert likeness(target, target, source) == Likeness(1.0, 0.0)
    assert likeness(target, target, source).moved and not likeness(source, target, source).moved


def _finding(condition: str, phones: float, clicks: float = 0.0) -> Finding:
    words = Words(phones, np.nan, np.nan, Choice(1, 100, 0.2), np.nan, "AA")
    melody, faults = Following(12.0, 0.01, 0.05, 0.02, 300), Faults(clicks, 0, np.nan, -20.0)
    return Finding("song", "singing", condition, 0, melody, melody, Likeness(0.8, 0.6), words, faults)


def test_a_report_says_which_aims_are_reached(tmp_path: Path) -> None:
    good = [_finding(SOURCE, 0.0), _finding(CONVERTED, 0.4), _finding(SHUFFLED, 0.9)]
    assert all(clips == ["song"] for clips in report.aims(report.Report({}, good, {})).values())
    bad = [good[0], replace(_finding(CONVERTED, 0.95, clicks=2.0)), good[2]]
    missed = {name for name, clips in report.aims(report.Report({}, bad, {})).items() if not clips}
    assert {name.split(":")[0] for name in missed} == {"words", "no clicks that the source has not"}


def test_a_report_is_a_page_and_data_without_nan(tmp_path: Path) -> None:
    findings = [_finding(SOURCE, 0.0), _finding(CONVERTED, 0.4), _finding(SHUFFLED, 0.9)]
    page, data = report.write(report.Report({"voice": "toy"}, findings, {}, {"song": "song.png"}), tmp_path)
    assert "| song | +0 | 12 / – | 1.0 % / – | 1.0 % | 2.0 % | 0.80 / 0.60 | 0.40 / 0.90 / – |" in page.read_text()
    assert json.loads(data.read_text())["findings"][0]["faults"]["hiss_dbfs"] is None
