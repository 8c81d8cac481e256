"""Long silences are left out of what is converted; what is heard keeps its place, its pitch and its noise."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny.encoders import write_encoder
from tiny.foreign import Frames, Repeat, shelf_with, steady
from tiny.lines import LineConfig
from tiny.sounds import tone, voice_like
from tiny.voices import write_voice

from ultimate_rvc.options import OptimizationConfig, SpanOptions
from ultimate_rvc.rvc.embed.hubert import load_encoder
from ultimate_rvc.rvc.infer import silences
from ultimate_rvc.rvc.infer.pipeline import Pipeline
from ultimate_rvc.rvc.infer.rules import Output, OwnRules
from ultimate_rvc.rvc.infer.silences import GRID_FRAMES, KEPT_FRAMES, SHORTEST_FRAMES
from ultimate_rvc.rvc.infer.spans import Span
from ultimate_rvc.rvc.synth.noise import SeededNoise
from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer

RATE_HZ, HOP = 16_000, 160
CPU = torch.device("cpu")
ON, OFF = OptimizationConfig(device="cpu"), OptimizationConfig(device="cpu", without=("silence",))


def frames_of(*lengths: int) -> torch.Tensor:
    """Frames that are heard and frames that are not, in turns."""
    return torch.cat([torch.full((length,), float(turn % 2 == 0)) for turn, length in enumerate(lengths)])


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=12))
def test_stretches_hold_all_that_is_heard_and_leave_out_long_silences(lengths):
    heard = frames_of(*lengths)
    stretches = silences.sounding(heard)
    covered = torch.zeros(len(heard), dtype=torch.bool)
    for span in stretches.spans:
        assert span.frames > 0 and not covered[span.start : span.end].any()
        covered[span.start : span.end] = True
    assert covered[heard > 0].all()
    # No silence that was kept is longer than its margins, the shortest that is left out and the grid's rounding.
    kept_silence = (covered & (heard == 0)).int().tolist()
    longest = max(map(len, "".join(map(str, kept_silence)).split("0")))
    assert longest < 2 * KEPT_FRAMES + SHORTEST_FRAMES + GRID_FRAMES + 2
    gaps = [(a.end, b.start) for a, b in zip(stretches.spans, stretches.spans[1:], strict=False)]
    assert all(end % 2 == 0 and start - end >= SHORTEST_FRAMES for end, start in gaps)
    assert all((start - end) % GRID_FRAMES == 0 for end, start in gaps)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 200), min_size=1, max_size=9), st.integers(-50, 900), st.integers(1, 900))
def test_runs_find_every_frame_of_the_shorter_line_in_the_song(lengths, start, count):
    stretches = silences.sounding(frames_of(*lengths))
    if not stretches.spans:
        return
    song = [frame for span in stretches.spans for frame in range(span.start, span.end)]
    line = [*range(song[0] - 60, song[0]), *song, *range(song[-1] + 1, song[-1] + 2000)]
    found = [frame for run in stretches.runs(start, count) for frame in range(run.start, run.end)]
    assert found == line[60 + start : 60 + start + count]


def test_silence_alone_is_no_stretch_and_a_song_without_silence_is_one():
    assert silences.sounding(frames_of(0, 400)).spans == ()
    assert silences.sounding(frames_of(401)).spans == (Span(0, 401),)
    assert silences.whole(frames_of(10, 400)).spans == (Span(0, 410),)


def gapped(*seconds: float, seed: int = 0) -> np.ndarray:
    """Voice and digital silence in turns."""
    wav = voice_like(sum(seconds), RATE_HZ, seed=seed) + 0.01 * tone(180.0, sum(seconds), RATE_HZ)
    edges = np.cumsum([0, *seconds])
    for start, end in list(pairwise(edges))[1::2]:
        wav[int(start * RATE_HZ) : int(end * RATE_HZ)] = 0
    return wav.astype(np.float32)


def identity(wav: np.ndarray, optimization: OptimizationConfig, config: LineConfig | None = None) -> np.ndarray:
    pipeline = Pipeline(RATE_HZ, config or LineConfig(), optimization)
    return pipeline.pipeline(Frames(), Repeat(), 0, wav, 0, "swift", "", 0.0, False, 1.0, "v2", 0.5)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from([0.2, 0.55, 0.9, 1.6, 2.75]), min_size=1, max_size=7), st.integers(0, 159))
def test_an_identity_voice_gives_the_same_samples_across_silences(seconds, more):
    wav = gapped(*seconds)[: -more or None]
    assert np.array_equal(identity(wav, ON), identity(wav, OFF))


class Counting(Frames):
    """An encoder that counts the samples that it is given."""

    def __init__(self) -> None:
        self.samples = 0

    def __call__(self, wav: torch.Tensor) -> dict[str, torch.Tensor]:
        self.samples += wav.numel()
        return super().__call__(wav)


@pytest.mark.parametrize("seconds", [(5.0, 9.0, 5.0), (2.0, 1.5) * 6, (0.0, 8.0, 4.0, 8.0)])
def test_silence_costs_nothing(seconds):
    """The encoder hears what sounds, 0.7 s for each silence, and for each window its context and a second more."""
    encoder = Counting()
    pipeline = Pipeline(RATE_HZ, LineConfig(x_center=10, x_max=12), ON)
    pipeline.pipeline(encoder, Repeat(), 0, gapped(*seconds), 0, "swift", "", 0.0, False, 1.0, "v2", 0.5)
    sounding_s, pauses = sum(seconds[::2]), len(seconds[1::2])
    windows = 1 + int(sounding_s + 0.6 * pauses > 12)
    assert encoder.samples / RATE_HZ < sounding_s + 0.75 * pauses + 3.1 * windows


def test_what_is_silent_is_not_even_heard():
    class Never:
        def __call__(self, *_):
            raise AssertionError("nothing sounds")

        infer = __call__

    pipeline = Pipeline(RATE_HZ, LineConfig(), ON, shelf=shelf_with(Never()))
    wav = np.full(5 * RATE_HZ + 7, 3e-5, np.float32)
    out = pipeline.pipeline(Never(), Never(), 0, wav, 0, "swift", "", 0.0, True, 0.5, "v2", 0.5)
    assert out.shape == wav.shape and not out.any()


def test_leading_silence_is_context_and_not_a_mirror_of_the_voice():
    wav = gapped(0.0, 4.0, 2.0)
    rules = OwnRules(SpanOptions(), Output(RATE_HZ), CPU, ON)
    line = rules.lay_out(torch.from_numpy(wav))
    assert not line.padded[: RATE_HZ + KEPT_FRAMES * HOP - 2 * HOP].any()
    assert line.padded[RATE_HZ + (KEPT_FRAMES + 5) * HOP :].any()


@pytest.fixture(scope="module")
def studio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studio")
    encoder = load_encoder(write_encoder(folder / "encoder"), CPU)
    return encoder, load_synthesizer(write_voice(folder, rate=32_000), CPU)


def sung(studio, wav, optimization, *, rate=1.0, config=None):
    pipeline = Pipeline(32_000, config or LineConfig(x_center=38, x_max=41), optimization, shelf=shelf_with(steady()))
    return pipeline.pipeline(*studio, 0, wav, 0, "swift", "", 0.0, True, rate, "v2", 0.33)


@pytest.mark.parametrize("rate", [1.0, 0.4])
def test_a_real_voice_is_silent_at_the_same_samples(studio, rate):
    wav = gapped(1.2, 2.5, 1.1, 0.3, 0.9, 3.0)
    on, off = sung(studio, wav, ON, rate=rate), sung(studio, wav, OFF, rate=rate)
    assert on.shape == off.shape and np.array_equal(on == 0, off == 0)


def test_noise_and_phase_belong_to_the_place_in_the_song():
    """Behind a silence that was left out, draws and the source's phase are those of the song's own frames."""
    wav = torch.from_numpy(gapped(2.0, 4.0, 2.0))
    f0 = torch.full((1000,), 221.0)
    f0[310:690] = 0  # nothing is voiced where nothing sounds
    drawn = []
    for optimization in (ON, OFF):
        rules = OwnRules(SpanOptions(), Output(32_000), CPU, optimization)
        line = rules.lay_out(wav)
        start = next(i for i in range(900) if line.runs(i, 1)[0].start == 720)
        noise = rules.noise(5, f0, line.runs)([start])
        drawn.append((noise.normal(torch.empty(1, 3, 80), 2, 1), noise.start_phase(torch.empty(1, 1))))
    assert torch.equal(drawn[0][0], drawn[1][0]) and torch.equal(drawn[0][1], drawn[1][1])


def test_noise_runs_on_behind_a_seam():
    runs = lambda first, frames: [range(first, 40), range(240, 200 + first + frames)]  # noqa: E731
    like = torch.empty(1, 2, 60 * 4)
    whole = SeededNoise(3, [0]).normal(torch.empty(1, 2, 300 * 4), 2, 4)
    seamed = SeededNoise(3, [10], runs=runs).normal(like, 2, 4)
    assert torch.equal(seamed, torch.cat([whole[..., 40:160], whole[..., 960:1080]], -1))


def test_a_melody_from_a_file_is_sung_at_its_own_times(tmp_path):
    """Behind a silence that is left out, the file's seconds are still the song's."""
    curve = tmp_path / "curve.csv"
    curve.write_text("0.0,200\n3.9,200\n4.0,400\n9.0,400\n")
    wav, sung_hz = gapped(1.5, 4.5, 2.0), []

    class Recording(Repeat):
        def infer(self, feats, lengths, pitch, pitchf, sid):
            sung_hz.extend(pitchf[0].tolist())
            return super().infer(feats, lengths, pitch, pitchf, sid)

    pipeline = Pipeline(RATE_HZ, LineConfig(x_center=38, x_max=41), ON)
    pipeline.pipeline(Frames(), Recording(), 0, wav, 0, "swift", "", 0.0, True, 1.0, "v2", 0.5, f0_file=str(curve))
    # Behind a second of context and 1.5 s of song there is some silence, and then the frames from about 5.7 s on.
    assert set(sung_hz[100:250]) == {200.0} and set(sung_hz[330:]) <= {400.0, 0.0} and 400.0 in sung_hz[330:]
    assert len(sung_hz) < 650  # of 1,000


def test_the_melody_is_the_same_to_the_bit_without_the_silences():
    """SwiftF0's own frames lie where they lay, so that a note heard at a phrase's end turns no phase behind it."""
    wav = torch.from_numpy(gapped(1.13, 1.7, 0.94, 2.31, 1.5, 0.4, 0.8))
    curves = []
    for optimization in (ON, OFF):
        pipeline = Pipeline(32_000, LineConfig(x_center=38, x_max=41), optimization)
        line = pipeline._lay_out(wav)
        curves.append(pipeline.get_f0(line.padded, line.frames, "swift", spread=line.spread)[1])
    on, off = (curve[: min(map(len, curves))] for curve in curves)
    assert (on > 0).sum() > 100 and torch.equal(on, off)
