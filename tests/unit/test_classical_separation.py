"""The separation that needs no model: how much of the voice it finds, and that its blocks cannot be heard."""

import numpy as np
import pytest
from tiny import bands, sounds
from tiny.bands import sdr_db

from ultimate_rvc.audio.sound import Audio
from ultimate_rvc.covers.separators import classical
from ultimate_rvc.covers.separators.classical import Classical
from ultimate_rvc.covers.stems import StemName

RATE_HZ = 22_050
# A synthetic voice before a synthetic band, as loud as it: 0 dB before. Measured 6.1 (mono) and 7.2 (stereo).
LEAST_SDR_DB = {1: 4.5, 2: 5.5}
# Frames are computed alone; only float32 sums in another order may differ.
BLOCK_TOLERANCE = 1e-6


def _vocals(audio: Audio) -> np.ndarray:
    return Classical().separate(audio)[StemName.VOCALS].samples


@pytest.mark.parametrize("channels", [1, 2])
def test_vocals_come_out_much_cleaner_than_they_were_in_the_mix(channels: int) -> None:
    song = bands.song(sounds.voice_like(4, RATE_HZ), RATE_HZ, channels=channels)
    assert sdr_db(song.vocals, song.mix) < 1
    assert sdr_db(song.vocals, _vocals(Audio(song.mix, RATE_HZ))) > LEAST_SDR_DB[channels]


def test_the_cuts_between_blocks_cannot_be_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    song = Audio(bands.song(sounds.voice_like(2, RATE_HZ), RATE_HZ).mix, RATE_HZ)
    whole = _vocals(song)
    monkeypatch.setattr(classical, "BLOCK_FRAMES", 40)
    assert np.abs(_vocals(song) - whole).max() < BLOCK_TOLERANCE


def test_a_click_is_music_and_a_held_note_is_voice() -> None:
    note = sounds.tone(440, 3, RATE_HZ, peak=0.3)
    clicks = np.zeros_like(note)
    clicks[RATE_HZ // 4 :: RATE_HZ // 4] = 0.9
    stems = Classical().separate(Audio(note + clicks, RATE_HZ))
    assert sdr_db(note, stems[StemName.VOCALS].samples[0]) > 20
    assert sdr_db(clicks, stems[StemName.INSTRUMENTALS].samples[0]) > 3


def test_what_stands_at_the_side_is_music() -> None:
    middle, side = sounds.tone(440, 3, RATE_HZ), sounds.tone(661, 3, RATE_HZ)
    vocals = _vocals(Audio(np.stack([middle + side, middle]), RATE_HZ))
    assert sdr_db(middle, vocals[0]) > 15


def test_a_bass_is_music() -> None:
    bass = sounds.tone(55, 3, RATE_HZ)
    assert np.abs(_vocals(Audio(bass, RATE_HZ))[0, RATE_HZ:-RATE_HZ]).max() < 0.01


@pytest.mark.parametrize("samples", [1, 2, 511, 2_048])
def test_the_shortest_pieces_are_taken_apart_too(samples: int) -> None:
    piece = Audio(sounds.tone(440, 1, RATE_HZ)[:samples], RATE_HZ)
    assert all(stem.samples.shape == (1, samples) for stem in Classical().separate(piece).values())
