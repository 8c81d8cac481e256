"""Gaps become silence; what is sung, breathed or spoken in between does not."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from tiny.encoders import write_encoder
from tiny.sounds import silence, tone, voice_like, white_noise
from tiny.voices import write_voice

from ultimate_rvc import weights
from ultimate_rvc.audio.file import Audio
from ultimate_rvc.options import ConversionOptions, OptimizationConfig, PitchOptions, VoiceOptions
from ultimate_rvc.rvc.infer.gaps import (
    FADE_FRAMES,
    ONSET_FRAMES,
    SHORTEST_FRAMES,
    TAIL_FRAMES,
    WINDOW_FRAMES,
    quiet_frames,
    silenced,
)
from ultimate_rvc.rvc.infer.infer import VoiceConverter

RATE_HZ, HOP = 16_000, 160
BELOW_DB = VoiceOptions().silence_db


def _residue(level_db: float, seconds: float) -> np.ndarray:
    """Even noise [N] of this RMS, as a separator leaves it."""
    return white_noise(seconds, RATE_HZ, peak=10 ** (level_db / 20) * np.sqrt(3))


def _phrase(seconds: float = 1.0) -> np.ndarray:
    return tone(220, seconds, RATE_HZ)


@pytest.mark.parametrize("level_db", [-120.0, -60.0, -55.0])
def test_a_gap_with_residue_becomes_silence_and_phrases_stay(level_db: float) -> None:
    wav = np.concatenate([_phrase(), _residue(level_db, 1.0), _phrase()])
    out = silenced(wav, BELOW_DB)
    slack = FADE_FRAMES + WINDOW_FRAMES // 2 + 1
    gap = slice(RATE_HZ + (TAIL_FRAMES + slack) * HOP, 2 * RATE_HZ - (ONSET_FRAMES + slack) * HOP)
    assert not out[gap].any() and out.shape == wav.shape and out.dtype == np.float32
    np.testing.assert_array_equal(out[:RATE_HZ], wav[:RATE_HZ])
    np.testing.assert_array_equal(out[2 * RATE_HZ :], wav[2 * RATE_HZ :])


def test_the_gate_closes_and_opens_without_a_click() -> None:
    wav = np.concatenate([_phrase(), _residue(-55, 1.0), _phrase()])
    gain = silenced(wav, BELOW_DB)[RATE_HZ : 2 * RATE_HZ] / wav[RATE_HZ : 2 * RATE_HZ]
    assert {round(float(level), 2) for level in np.unique(gain)} == {0.0, 0.33, 0.67, 1.0}


def test_short_rests_breaths_and_quiet_singing_stay() -> None:
    short = np.concatenate([_phrase(), _residue(-60, (SHORTEST_FRAMES - 8) / 100), _phrase()])
    breath = np.concatenate([_phrase(), _residue(-38, 0.6), _phrase()])
    softly = np.concatenate([_phrase(), 0.05 * _phrase(), _phrase()])
    for wav in (short, breath, softly):
        assert silenced(wav, BELOW_DB) is wav


def test_loudness_is_relative_so_that_a_quiet_recording_keeps_its_voice() -> None:
    wav = np.concatenate([_phrase(), _residue(-55, 1.0), _phrase()])
    np.testing.assert_array_equal(quiet_frames(wav, BELOW_DB), quiet_frames(0.05 * wav, BELOW_DB))


@pytest.mark.parametrize("seconds", [0.0, 0.004, 0.1, 1.0])
def test_silence_alone_is_a_gap_of_any_length(seconds: float) -> None:
    wav = silence(seconds, RATE_HZ)
    assert not silenced(wav, BELOW_DB).any() and len(silenced(wav, BELOW_DB)) == len(wav)


def test_the_callers_array_is_not_changed() -> None:
    wav = np.concatenate([_phrase(), _residue(-55, 1.0)])
    before = wav.copy()
    silenced(wav, BELOW_DB)
    np.testing.assert_array_equal(wav, before)


@pytest.fixture(scope="module")
def converter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VoiceConverter]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("studio")
    engine = VoiceConverter(OptimizationConfig(device="cpu"))
    engine.load_voice(write_voice(folder))
    encoder = write_encoder(folder / "encoder")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ultimate_rvc.weights.chosen_encoder", lambda *_: encoder)
        yield engine
    torch.set_num_threads(threads)


def _sung(converter: VoiceConverter, wav: np.ndarray, **voice: float) -> np.ndarray:
    options = ConversionOptions(PitchOptions(f0_method=("swift",)), voice=VoiceOptions(index_rate=0, **voice))
    return converter.convert(Audio(wav, RATE_HZ), options).audio.samples[0]


@pytest.mark.parametrize("level_db", [-120.0, -55.0])
def test_a_real_voice_is_silent_in_gaps_unless_it_is_told_to_sing_them(
    converter: VoiceConverter, level_db: float
) -> None:
    wav = np.concatenate([voice_like(1.0, RATE_HZ), _residue(level_db, 1.0), voice_like(1.0, RATE_HZ)])
    rate = converter.tgt_sr
    middle = slice(round(1.3 * rate), round(1.8 * rate))
    assert not _sung(converter, wav)[middle].any()
    assert _sung(converter, wav, convert_silence=True)[middle].any() == (level_db > -80)


def test_weights_are_named_for_what_they_are(converter: VoiceConverter) -> None:
    """The files that decide a conversion: encoder and estimator, or the encoder alone where the melody is given."""
    found = converter.ingredients(converter.loaded_model, ConversionOptions(PitchOptions(f0_method=("swift",))))
    assert [path.name for path in found.weights][-1] == "model.onnx" and found.settings["pitch"] == ("swift",)
    assert weights.CONFIG_FILE in {path.name for path in found.weights}
    assert "enable_profiling" not in found.settings and found.settings["precision"] == "fp32"
