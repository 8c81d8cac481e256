"""Memory follows the span and not the song: of what is sung, the device never holds more than some spans."""

import numpy as np
import pytest
import torch
from tiny.foreign import Frames, Tone, shelf_with, steady
from tiny.lines import LineConfig
from tiny.sounds import voice_like
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ultimate_rvc.options import OptimizationConfig
from ultimate_rvc.rvc.infer.highpass import Blocks, DeviceHighpass
from ultimate_rvc.rvc.infer.pipeline import Pipeline
from ultimate_rvc.rvc.infer.tape import Tape

RATE_HZ, OUT_HZ = 16_000, 48_000
# Spans of LineConfig are 2 s, windows 4 s or a little more.
WINDOW_SAMPLES = 6 * OUT_HZ


class Sizes(TorchDispatchMode):
    """Notes how many elements every tensor has that is made; views of others are none."""

    def __init__(self) -> None:
        super().__init__()
        self.made: list[int] = []

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        given = {tensor.untyped_storage().data_ptr() for tensor in _tensors((args, kwargs))}
        new = [tensor for tensor in _tensors(made) if tensor.untyped_storage().data_ptr() not in given]
        self.made += [tensor.numel() for tensor in new]
        return made


def _tensors(values):
    return [value for value in tree_leaves(values) if isinstance(value, torch.Tensor)]


@pytest.mark.parametrize("rate", [1.0, 0.5])
def test_no_tensor_is_as_long_as_what_is_sung(rate):
    wav = voice_like(40.0, RATE_HZ)
    pipeline = Pipeline(OUT_HZ, LineConfig(), OptimizationConfig(device="cpu"), shelf=shelf_with(steady()))
    pipeline.highpass = DeviceHighpass("cpu", blocks=Blocks(8192, 4))
    with Sizes() as sizes:
        out = pipeline.pipeline(Frames(), Tone(OUT_HZ), 0, wav, 0, "swift", "", 0.0, True, rate, "v2", 0.5)
    whole = [size for size in sizes.made if size > WINDOW_SAMPLES]
    assert len(out) == 40 * OUT_HZ
    # As long as the song at 16 kHz are: the filter's copy, what sounds of it, and the same with its context.
    assert len(whole) <= 3 and max(whole) < len(wav) + 3 * RATE_HZ


def test_the_filter_makes_one_copy_of_the_signal():
    wav = torch.from_numpy(voice_like(200.0, RATE_HZ))
    with Sizes() as sizes:
        DeviceHighpass("cpu")(wav)
    assert len([size for size in sizes.made if size >= len(wav)]) == 1


def test_a_tape_is_silent_where_nothing_was_put_and_cut_off_at_its_end():
    tape = Tape(10)
    tape.put([(2, torch.ones(2)), (8, torch.full((5,), -2.0))])
    tape.put([])
    assert np.allclose(tape.finished(0.5), [0, 0, 0.25, 0.25, 0, 0, 0, 0, -0.5, -0.5])
    assert not Tape(3).finished(0.99).any()
