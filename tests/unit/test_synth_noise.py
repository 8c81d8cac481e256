"""Noise that belongs to a place in the song, and a source whose phase goes on from span to span."""

import numpy as np
import pytest
import torch
from tiny.voices import write_voice

from ultimate_rvc.rvc.synth.noise import (
    BLOCK_FRAMES,
    GlobalNoise,
    SeededNoise,
    exclusive,
    running_phase,
    source_phase,
    wrap,
)
from ultimate_rvc.rvc.synth.synthesizer import load_synthesizer

# A millionth of a cycle is 120 dB below the sine itself.
PHASE_CYCLES = 2e-6
# Sine amplitude 0.1 times the radians of PHASE_CYCLES, times the excitation's gain of about 3.
EXCITATION_MAX = 5e-6
# Each harmonic's frequency is rounded on its own, as upstream does: over 15 s the ninth drifts some 2e-4 cycles.
HARMONICS_MAX = 1e-3
# A glide's frequency is rounded at every sample.
GLIDE_MAX = 5e-4


def drawn(noise: SeededNoise, frames: int, steps: int = 1, rows: int = 1) -> torch.Tensor:
    return noise.normal(torch.empty(rows, 3, frames * steps), 2, steps)


@pytest.mark.parametrize("steps", [1, 40])
def test_overlapping_windows_get_the_same_numbers_at_the_same_frame(steps: int) -> None:
    whole = drawn(SeededNoise(7, [0]), 700, steps)
    for first in (0, 1, BLOCK_FRAMES - 1, BLOCK_FRAMES, 300):
        window = drawn(SeededNoise(7, [first]), 400, steps)
        assert torch.equal(window, whole[..., first * steps : (first + 400) * steps])


def test_rows_of_a_batch_have_their_own_place() -> None:
    both = drawn(SeededNoise(7, [10, 300]), 50, rows=2)
    assert torch.equal(both[1:], drawn(SeededNoise(7, [300]), 50))
    assert not torch.equal(both[0], both[1])


def test_time_may_be_any_axis() -> None:
    like = torch.empty(1, 60 * 4, 9)
    early = SeededNoise(3, [0]).normal(like, 1, 4)
    late = SeededNoise(3, [20]).normal(like, 1, 4)
    assert torch.equal(early[:, 80:], late[:, :160])


def test_seed_and_order_change_the_numbers() -> None:
    noise = SeededNoise(1, [0])
    first, second = drawn(noise, 20), drawn(noise, 20)
    assert not torch.equal(first, second)
    assert not torch.equal(first, drawn(SeededNoise(2, [0]), 20))
    assert torch.equal(first, drawn(SeededNoise(1, [0]), 20))


def test_numbers_are_normal_and_uniform() -> None:
    noise = SeededNoise(0, [5])
    normal, uniform = drawn(noise, 20_000), noise.uniform((1, 9000), torch.empty(1))
    assert abs(normal.mean()) < 0.02 and abs(normal.std() - 1) < 0.02
    assert uniform.min() >= 0 and uniform.max() < 1 and abs(uniform.mean() - 0.5) < 0.02


def test_rows_share_what_does_not_run_along_time() -> None:
    rows = SeededNoise(0, [5, 900]).uniform((2, 9), torch.empty(2))
    assert rows.shape == (2, 9) and torch.equal(rows[0], rows[1])


def test_a_wrong_batch_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 rows for 1 first frames"):
        drawn(SeededNoise(0, [5]), 10, rows=2)


def test_the_global_generator_is_untouched_by_seeds_and_used_without() -> None:
    torch.manual_seed(4)
    SeededNoise(0, [5]).normal(torch.empty(1, 3, 10), 2, 1)
    first = GlobalNoise().normal(torch.empty(1, 3, 10), 2, 1)
    torch.manual_seed(4)
    assert torch.equal(first, torch.randn(1, 3, 10))


def test_the_order_of_memory_does_not_change_global_draws() -> None:
    torch.manual_seed(4)
    plain = GlobalNoise().normal(torch.empty(2, 30, 20), 2, 1)
    torch.manual_seed(4)
    assert torch.equal(plain, GlobalNoise().normal(torch.empty(2, 20, 30).transpose(1, 2), 2, 1))


def test_phase_is_kept_over_an_hour() -> None:
    seconds = np.arange(360_000) / 100
    f0 = torch.from_numpy((300 + 200 * np.sin(seconds / 7)).astype(np.float32))
    f0[1000:1500] = 0
    advance = (f0 / 48_000 * 480).double()  # the float32 frequency is the definition; its sum is the question
    expected = torch.cumsum(advance, 0) - advance
    error = source_phase(f0, 480, 48_000).double() - expected
    assert (error - error.round()).abs().max() < PHASE_CYCLES


@pytest.mark.parametrize("length", [1, 63, 64, 65, 5000])
def test_running_phase_equals_the_plain_sum(length: int) -> None:
    steps = torch.rand(2, length) - 0.5
    error = running_phase(steps).double() - torch.cumsum(steps.double(), -1)
    assert (error - error.round()).abs().max() < PHASE_CYCLES
    assert running_phase(steps).abs().max() <= 0.5 and steps.dtype == torch.float32


def test_wrap_and_exclusive_do_what_they_say() -> None:
    assert wrap(torch.tensor([1.25, -0.75, 3.0])).tolist() == [0.25, 0.25, 0.0]
    assert exclusive(torch.tensor([1.0, 2.0, 3.0])).tolist() == [0.0, 1.0, 2.0]


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    folder = tmp_path_factory.mktemp("voices")
    names = ("HiFi-GAN", "MRF HiFi-GAN", "RefineGAN")
    return {n: load_synthesizer(write_voice(folder, n, vocoder=n, rate=24_000)).dec.m_source for n in names}


def melody(frames: int) -> torch.Tensor:
    f0 = 330 * 2 ** torch.sin(torch.arange(frames) / 150)
    f0[frames // 3 : frames // 3 + 60] = 0
    return f0[None]


@pytest.mark.parametrize(
    ("vocoder", "largest"),
    [("HiFi-GAN", EXCITATION_MAX), ("RefineGAN", GLIDE_MAX), ("MRF HiFi-GAN", HARMONICS_MAX)],
)
def test_two_overlapping_windows_are_excited_as_one(sources, vocoder: str, largest: float) -> None:
    f0, hop, first = melody(3000), 240, 1500
    phases = source_phase(f0, hop, 24_000)
    whole = sources[vocoder](f0, SeededNoise(9, [0], phases[:, 0]))
    early = sources[vocoder](f0[:, :2000], SeededNoise(9, [0], phases[:, 0]))
    late = sources[vocoder](f0[:, first:], SeededNoise(9, [first], phases[:, first]))
    # A glide's first and last half frame lean on a neighbour that the window lacks.
    inner = slice(hop, -hop)
    assert (early - whole[..., : 2000 * hop])[..., inner].abs().max() < largest
    assert (late - whole[..., first * hop :])[..., inner].abs().max() < largest


@pytest.mark.parametrize("vocoder", ["HiFi-GAN", "MRF HiFi-GAN", "RefineGAN"])
def test_without_the_phase_the_second_window_starts_anew(sources, vocoder: str) -> None:
    f0, hop, first = melody(400), 240, 130
    whole = sources[vocoder](f0, SeededNoise(9, [0]))
    late = sources[vocoder](f0[:, first:], SeededNoise(9, [first]))
    assert (late - whole[..., first * hop :])[..., hop:].abs().max() > 100 * EXCITATION_MAX


@pytest.mark.parametrize("vocoder", ["HiFi-GAN", "MRF HiFi-GAN", "RefineGAN"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_phase_does_not_know_of_autocast(sources, vocoder: str, dtype: torch.dtype) -> None:
    source, f0 = sources[vocoder], melody(500)
    heard = []
    inner, source.merge_sines = source.merge_sines, lambda sines: heard.append(sines) or inner(sines)
    try:
        source(f0, SeededNoise(9, [0]))
        with torch.autocast("cpu", dtype=dtype):
            source(f0, SeededNoise(9, [0]))
    finally:
        del source.merge_sines
    assert heard[1].dtype == torch.float32 and torch.equal(*heard)


def test_a_held_note_sounds_at_its_pitch(sources) -> None:
    excitation = sources["HiFi-GAN"](torch.full((1, 100), 440.0), SeededNoise(0, [0]))[0, 0]  # one second
    spectrum = torch.fft.rfft(excitation - excitation.mean()).abs()
    assert int(spectrum.argmax()) == 440
    assert spectrum[440] > 20 * spectrum[[100, 500, 3000]].max()
