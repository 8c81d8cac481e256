"""What a training takes of a device's memory, before it starts.

Weights, gradients and AdamW's two moments are counted. What a step keeps for its way back is measured: one row, as long
as the longest slice, goes forward through voice and judges, and every tensor that is kept on the way is added up.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from ultimate_rvc.device import Device
from ultimate_rvc.errors import DeviceError
from ultimate_rvc.options_training import TrainingOptions
from ultimate_rvc.rvc.train.dataset import Dataset
from ultimate_rvc.rvc.train.network import Batch
from ultimate_rvc.rvc.train.step import Stepper

GB = 1024**3
# A weight, its gradient and two moments, in float32.
PARAMETER_BYTES = 16
# The convolutions' own buffers, and what the allocator cannot use.
SURPLUS = 1.3


def check(stepper: Stepper, dataset: Dataset, options: TrainingOptions, device: Device) -> int:
    """The bytes that the training takes. Raises DeviceError with the remedy where the device has fewer."""
    row, fixed = row_bytes(stepper, max(dataset.frames), device), fixed_bytes(stepper)
    if options.preload_dataset or device.kind == "cpu":
        fixed += dataset.held_bytes
    needed = fixed + options.batch_size * row
    if needed <= device.memory_bytes:
        return needed
    fitting = max(0, int((device.memory_bytes - fixed) // row))
    raise DeviceError(
        f"training takes about {needed / GB:.1f} GB with batches of {options.batch_size}, and {device.description} has "
        f"{device.memory_bytes / GB:.1f}; use {_remedies(options, fitting)}"
    )


def _remedies(options: TrainingOptions, fitting: int) -> str:
    ways = [f"--batch-size {fitting}"] if fitting else []
    ways += ["--reduce-memory-usage"] if not options.reduce_memory_usage else []
    ways += ["--precision bf16"] if options.precision == "fp32" else []
    ways += ["--no-preload-dataset"] if options.preload_dataset else []
    return ", or ".join(ways) or "smaller networks in config.json"


def fixed_bytes(stepper: Stepper) -> int:
    """What is held whatever the batch."""
    networks = (stepper.voice.network, stepper.judges.network)
    return PARAMETER_BYTES * sum(p.numel() for network in networks for p in network.parameters())


def row_bytes(stepper: Stepper, frames: int, device: Device) -> int:
    """What every row of a batch adds, `frames` long."""
    batch = silent_row(stepper, frames).to(device.torch)
    with _counted() as kept:
        stepper.heard(batch)
    own = sum(value.numel() * value.element_size() for value in vars(batch).values())
    return int((sum(kept.values()) + own) * SURPLUS)


def silent_row(stepper: Stepper, frames: int) -> Batch:
    """A batch of one row, in which nothing sounds."""
    data, model = stepper.config.data, stepper.config.model
    return Batch(
        features=torch.zeros(1, frames, model.text_enc_hidden_dim),
        coarse=torch.ones(1, frames, dtype=torch.long),
        f0=torch.zeros(1, frames),
        spectrogram=torch.zeros(1, data.spec_channels, frames),
        wav=torch.zeros(1, 1, frames * data.hop_length),
        frames=torch.tensor([frames]),
        speaker=torch.tensor([0]),
    )


@contextmanager
def _counted() -> Iterator[dict[int, int]]:
    """The bytes of every storage that is kept for the way back, by its address."""
    kept: dict[int, int] = {}
    alive: list[Tensor] = []

    def keep(tensor: Tensor) -> Tensor:
        if not isinstance(tensor, torch.nn.Parameter):
            storage = tensor.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
            # Or the address would be given out again, and counted once.
            alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        yield kept
