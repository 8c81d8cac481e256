"""The high-pass equals scipy's filtfilt, edges included, without float64 or a recursion."""

import numpy as np
import pytest
import torch
from scipy import signal
from tiny.sounds import voice_like

from ultimate_rvc.rvc.infer.highpass import (
    TAPS,
    Blocks,
    DeviceHighpass,
    HostHighpass,
    coefficients,
    impulse_response,
    scipys_coefficients,
)

# float32 samples through two FFTs of 32,768; measured 1.2e-6.
HIGHPASS_ATOL = 1e-5
BLOCKS = Blocks(fft_samples=8_192, at_once=2)
# Poles so near to 1 make the last digits of the coefficients, which lie between -10 and 10, tell in the eighth of the
# response, whose largest is 1.
COEFFICIENT_TOLERANCE, RESPONSE_TOLERANCE = 1e-14, 1e-7


def scipy_filtfilt(wav):
    return signal.filtfilt(*scipys_coefficients(), wav.astype(np.float64))


def impulses(length, places):
    wav = np.zeros(length, np.float32)
    wav[places] = 1
    return wav


NOISE = np.random.default_rng(0).normal(size=40_000).astype(np.float32) / 3
SIGNALS = {
    "noise": NOISE,
    "singing": voice_like(3.0, 16_000),
    "constant": np.full(30_000, 0.9, np.float32),
    "noise on a constant": NOISE / 3 + np.float32(0.8),
    "first sample": impulses(20_000, 0),
    "last sample": impulses(20_000, -1),
    "5 Hz": np.cos(np.arange(50_000) * 2 * np.pi * 5 / 16_000).astype(np.float32),
    "48 Hz": np.sin(np.arange(50_000) * 2 * np.pi * 48 / 16_000).astype(np.float32),
}


@pytest.mark.parametrize("wav", SIGNALS.values(), ids=SIGNALS)
def test_the_device_filter_is_scipys(wav):
    got = DeviceHighpass("cpu")(torch.from_numpy(wav))
    assert got.dtype == torch.float32
    assert np.abs(got.numpy() - scipy_filtfilt(wav)).max() < HIGHPASS_ATOL


@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_borders_of_blocks_leave_no_trace(offset):
    borders = np.arange(1, 7) * BLOCKS.step_samples + offset
    wav = impulses(7 * BLOCKS.step_samples, borders)
    got = DeviceHighpass("cpu", blocks=BLOCKS)(torch.from_numpy(wav))
    assert np.abs(got.numpy() - scipy_filtfilt(wav)).max() < HIGHPASS_ATOL


@pytest.mark.parametrize("length", [19, BLOCKS.step_samples - 36, BLOCKS.step_samples * 2 - 36 + 1, 20_001])
def test_any_length_gives_as_many_samples(length):
    wav = NOISE[:length]
    got = DeviceHighpass("cpu", blocks=BLOCKS)(torch.from_numpy(wav))
    assert len(got) == length
    assert np.abs(got.numpy() - scipy_filtfilt(wav)).max() < HIGHPASS_ATOL


@pytest.mark.parametrize("length", [0, 1, 2, 3, 17, 18])
def test_signals_shorter_than_the_edges_have_shorter_edges(length):
    wav = torch.from_numpy(NOISE[:length].copy())
    device, host = DeviceHighpass("cpu")(wav), HostHighpass()(wav)
    assert len(device) == len(host) == length
    assert torch.allclose(device, host, atol=HIGHPASS_ATOL)


def test_the_host_filter_keeps_scipys_digits_where_asked():
    wav = torch.from_numpy(NOISE)
    assert np.array_equal(
        HostHighpass(dtype=torch.float64)(wav).numpy(), signal.filtfilt(*scipys_coefficients(), NOISE)
    )
    assert HostHighpass()(wav).dtype == torch.float32


def test_the_input_is_left_alone():
    wav = torch.from_numpy(NOISE.copy())
    DeviceHighpass("cpu")(wav), HostHighpass()(wav)
    assert np.array_equal(wav.numpy(), NOISE)


def test_the_impulse_response_has_died_away():
    longer = signal.lfilter(*scipys_coefficients(), impulses(4 * TAPS, 0).astype(float))
    assert np.abs(longer[TAPS:]).sum() < 1e-7
    assert np.abs(impulse_response() - longer[:TAPS]).max() < RESPONSE_TOLERANCE


def test_the_filter_is_scipys():
    for ours, theirs in zip(coefficients(), scipys_coefficients(), strict=True):
        assert np.abs(ours - theirs).max() < COEFFICIENT_TOLERANCE
