"""Properties of the whole line that hold for any voice: identity, spans, octave, silence, determinism."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny.encoders import write_encoder
from tiny.foreign import Frames, Repeat, Tone, shelf_with, steady
from tiny.lines import LineConfig
from tiny.sounds import tone, voice_like
from tiny.voices import write_voice

from ultimate_rvc.errors import ModelError
from ultimate_rvc.options import OptimizationConfig
from ultimate_rvc.progress import silent
from ultimate_rvc.rvc.embed.hubert import load_encoder
from ultimate_rvc.rvc.infer.highpass import DeviceHighpass
from ultimate_rvc.rvc.infer.pipeline import Pipeline
from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer

RATE_HZ = 16_000
CPU = torch.device("cpu")
# Half a step of 16-bit audio: what is left of two spans that heard the same song with other context is far louder.
STEP = 2.0**-16


def identity(wav: np.ndarray, config: LineConfig, **optimization) -> np.ndarray:
    pipeline = Pipeline(RATE_HZ, config, OptimizationConfig(device="cpu", **optimization))
    return pipeline.pipeline(Frames(), Repeat(), 0, wav, 0, "swift", "", 0.0, False, 1.0, "v2", 0.5)


def filtered(wav: np.ndarray) -> np.ndarray:
    return DeviceHighpass(CPU)(torch.from_numpy(wav)).numpy()


@settings(max_examples=100, deadline=None)
@given(length=st.integers(RATE_HZ // 8, 11 * RATE_HZ), seed=st.integers(0, 99), batch=st.sampled_from([1, 3]))
def test_an_identity_voice_returns_its_input_sample_for_sample(length, seed, batch):
    wav = np.random.default_rng(seed).uniform(-0.4, 0.4, length).astype(np.float32)
    assert np.array_equal(identity(wav, LineConfig(), batch_size=batch), filtered(wav))


def test_one_span_equals_many_for_a_voice_that_hears_no_context():
    wav = voice_like(9.3, RATE_HZ, seed=1)
    assert np.array_equal(identity(wav, LineConfig()), identity(wav, LineConfig(x_center=38, x_max=41)))


def test_strict_parity_loses_frames_where_spans_are_joined():
    """Upstream's defect is reproduced: the identity voice comes back shorter."""
    wav = voice_like(9.3, RATE_HZ, seed=1)
    assert len(identity(wav, LineConfig(), strict_parity=True)) < len(wav) == len(identity(wav, LineConfig()))


@dataclass
class Studio:
    """A tiny voice and encoder with a known melody."""

    encoder: object
    voice: object
    f0_hz: float = 220.0

    def run(self, wav, config=None, *, seed=0, shift=0, sid=0, on_progress=silent, **optimization):
        shelf = shelf_with(steady(self.f0_hz), strict=optimization.get("strict_parity", False))
        options = OptimizationConfig(device="cpu", **optimization)
        pipeline = Pipeline(self.voice.sample_rate_hz, config or LineConfig(), options, shelf=shelf)
        arguments = (sid, wav, shift, "swift", "", 0.0, self.voice.has_pitch, 1.0, "v2", 0.33)
        return pipeline.pipeline(self.encoder, self.voice, *arguments, seed=seed, on_progress=on_progress)


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studio")
    encoder = load_encoder(write_encoder(folder / "encoder"), CPU)
    return Studio(encoder, load_synthesizer(write_voice(folder, rate=32_000, speakers=2), CPU))


def test_the_length_is_exact_at_every_rate(studio):
    for samples in (RATE_HZ // 8, RATE_HZ + 1, 5 * RATE_HZ + 159):
        assert len(studio.run(voice_like(samples / RATE_HZ, RATE_HZ))) == round(samples * 2)


def test_two_calls_give_equal_samples_and_another_seed_gives_others(studio):
    wav = voice_like(1.5, RATE_HZ)
    first = studio.run(wav, seed=7)
    torch.rand(3)  # the global generator has no say
    assert np.array_equal(first, studio.run(wav, seed=7))
    assert not np.array_equal(first, studio.run(wav, seed=8))


def test_the_batch_size_changes_nothing_that_is_heard(studio):
    wav = voice_like(8.0, RATE_HZ)
    one, three = (studio.run(wav, batch_size=size) for size in (1, 3))
    assert np.abs(one - three).max() < STEP


def test_the_input_is_left_as_it_was(studio):
    wav = voice_like(4.0, RATE_HZ)
    before = wav.copy()
    studio.run(wav)
    assert np.array_equal(wav, before)


def test_silence_in_is_silence_out(studio):
    assert not studio.run(np.zeros(4 * RATE_HZ, np.float32)).any()


def test_a_gap_stays_silent_and_its_neighbours_do_not(studio):
    wav = voice_like(3.0, RATE_HZ)
    wav[RATE_HZ : 2 * RATE_HZ] = 0
    out = studio.run(wav)
    assert not out[int(1.3 * 32_000) : int(1.7 * 32_000)].any()
    assert np.abs(out[: 32_000 // 2]).max() > 0.01


def test_an_octave_up_doubles_f0():
    wav = tone(220.0, 3.0, RATE_HZ)
    pipeline = Pipeline(
        32_000, LineConfig(x_center=38, x_max=41), OptimizationConfig(device="cpu"), shelf=shelf_with(steady())
    )
    out = pipeline.pipeline(Frames(), Tone(32_000), 0, wav, 12, "swift", "", 0.0, True, 1.0, "v2", 0.5)
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out))))
    peak_hz = spectrum.argmax() * 32_000 / len(out)
    assert abs(1200 * np.log2(peak_hz / 440.0)) < 5


def test_index_rate_zero_equals_no_index(studio, tmp_path):
    wav = voice_like(1.0, RATE_HZ)
    pipeline = Pipeline(32_000, LineConfig(), OptimizationConfig(device="cpu"), shelf=shelf_with(steady()))
    arguments = (studio.encoder, studio.voice, 0, wav, 0, "swift")
    rest = (True, 1.0, "v2", 0.33)
    without = pipeline.pipeline(*arguments, "", 0.75, *rest)
    # The file need not even exist: at rate 0 it is not looked at.
    assert np.array_equal(without, pipeline.pipeline(*arguments, str(tmp_path / "gone.index"), 0.0, *rest))


def test_spans_of_a_real_voice_join_without_a_step(studio):
    """The harmonic source and the noise go on across a border, so that pieces agree where they overlap."""
    wav = tone(220.0, 7.0, RATE_HZ)  # a held note: there is no quiet place to cut at
    many, whole = studio.run(wav, LineConfig()), studio.run(wav, LineConfig(x_center=38, x_max=41))
    steps = np.abs(np.diff(many))
    assert steps.max() < 1.5 * np.abs(np.diff(whole)).max()


def test_progress_counts_the_spans(studio):
    seen = []
    studio.run(voice_like(8.0, RATE_HZ), on_progress=seen.append)
    spans = [p for p in seen if p.stage == "convert"]
    assert len(spans) > 2
    assert [p.done for p in spans] == list(range(spans[-1].total + 1))


def test_samples_that_are_not_numbers_are_an_error():
    class Broken(Repeat):
        def infer(self, feats, *rest):
            return (torch.full((1, 1, feats.shape[1] * 160), torch.nan),)

    wav = voice_like(1.0, RATE_HZ)
    with pytest.raises(ModelError, match="not numbers"):
        Pipeline(RATE_HZ, LineConfig(), OptimizationConfig(device="cpu")).pipeline(
            Frames(), Broken(), 0, wav, 0, "swift", "", 0.0, False, 1.0, "v2", 0.5
        )


def test_another_speaker_sounds_different(studio):
    wav = voice_like(1.0, RATE_HZ)
    assert not np.allclose(studio.run(wav, sid=0), studio.run(wav, sid=1), atol=1e-3)
