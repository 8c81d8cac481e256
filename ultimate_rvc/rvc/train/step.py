"""One step of training: the discriminators learn to tell what was sung from what was recorded, then the voice to sing.

HiFi-GAN's alternation. The discriminators' own weights need no gradient while the voice learns, nor what they hear of
the recording, so neither is computed.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ultimate_rvc.rvc.synth.noise import GlobalNoise
from ultimate_rvc.rvc.train import losses
from ultimate_rvc.rvc.train.configuration import TrainingConfig
from ultimate_rvc.rvc.train.mel import MelLoss, MultiScaleMelLoss
from ultimate_rvc.rvc.train.network import Batch, Sung, TrainedVoice, in_upstreams_order

DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass
class Learner:
    """A network with what changes its weights."""

    network: nn.Module
    optimizer: torch.optim.AdamW
    scaler: torch.amp.GradScaler

    @classmethod
    def of(cls, network: nn.Module, config: TrainingConfig, precision: str) -> "Learner":
        """AdamW as the configuration says, and a scale for the gradients where halves would lose them."""
        train, device = config.train, next(network.parameters()).device
        optimizer = torch.optim.AdamW(
            in_upstreams_order(network),
            train.learning_rate,
            train.betas,
            train.eps,
            fused=device.type in ("cpu", "cuda"),
        )
        return cls(network, optimizer, torch.amp.GradScaler(device.type, enabled=precision == "fp16"))

    def learn(self, loss: Tensor) -> Tensor:
        """Follows the gradient of the loss; returns its norm."""
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        grads = [p.grad for p in self.network.parameters() if p.grad is not None]
        norm = torch.stack([grad.norm() for grad in grads]).norm()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return norm

    def set_rate(self, rate: float) -> None:
        """The learning rate from now on."""
        for group in self.optimizer.param_groups:
            group["lr"] = rate


@dataclass
class Stepper:
    """Both learners and what they are judged by."""

    config: TrainingConfig
    voice: Learner
    judges: Learner
    mel_loss: MelLoss | MultiScaleMelLoss
    precision: str = "fp32"
    least_gate: float | None = None
    noise: GlobalNoise = field(default_factory=GlobalNoise)

    def __call__(self, batch: Batch, *, judged: bool = True) -> dict[str, Tensor]:
        """The losses of this step, each a number on the device; without judgement only the voice's own."""
        network: TrainedVoice = self.voice.network
        with self._autocast():
            sung = network.sing(batch, self.noise)
        measured = self._judges_learn(sung) if judged else {}
        with _frozen(self.judges.network.parameters()):
            terms = self._own_terms(sung) | (self._judgement(sung) if judged else {})
            total = sum(terms.values())
            norm = self.voice.learn(total)
        measured |= {f"loss/g/{name}": value.detach() for name, value in terms.items()}
        if self.least_gate is not None:
            network.hold_gate(self.least_gate)
        if self.config.train.even_phases:
            network.even_phases()
        return measured | {"loss/g/total": total.detach(), "grad/norm_g": norm}

    def heard(self, batch: Batch) -> tuple[Sung, list[Tensor]]:
        """A step's way forward, at its widest: what is sung, and the judgements of both sounds."""
        with self._autocast():
            sung = self.voice.network.sing(batch, self.noise)
            return sung, self.judges.network(torch.cat([sung.true, sung.wav.detach()]))[0]

    def _own_terms(self, sung: Sung) -> dict[str, Tensor]:
        """How far the sound lies from the recording, and the posterior from the prior."""
        train = self.config.train
        mel = self.mel_loss(sung.wav[:, 0].float(), sung.true[:, 0]) * train.c_mel
        kl = losses.kl_loss(sung.z_p, sung.log_q, sung.mean_p, sung.log_p, sung.keep) * train.c_kl
        return {"mel": mel, "kl": kl}

    def _judges_learn(self, sung: Sung) -> dict[str, Tensor]:
        with self._autocast():
            judgements, _ = self.judges.network(torch.cat([sung.true, sung.wav.detach()]))
        true, made = zip(*(judgement.chunk(2) for judgement in judgements), strict=True)
        loss = losses.discriminator_loss(true, made)
        return {"grad/norm_d": self.judges.learn(loss), "loss/d/adv": loss.detach()}

    def _judgement(self, sung: Sung) -> dict[str, Tensor]:
        with self._autocast():
            with torch.no_grad():
                _, heard_true = self.judges.network(sung.true)
            judged, heard_made = self.judges.network(sung.wav)
        return {"adv": losses.adversarial_loss(judged), "fm": losses.features_loss(heard_true, heard_made)}

    def _autocast(self) -> AbstractContextManager:
        dtype, device = DTYPES.get(self.precision), next(self.voice.network.parameters()).device
        return torch.autocast(device.type, dtype) if dtype else nullcontext()


@contextmanager
def _frozen(parameters: Iterable[nn.Parameter]) -> Iterator[None]:
    """No gradients for these, inside."""
    held = list(parameters)
    for parameter in held:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(True)


def means(measured: Iterable[Mapping[str, Tensor]]) -> dict[str, float]:
    """The mean of each number over steps."""
    sums: dict[str, list[Tensor]] = {}
    for step in measured:
        for name, value in step.items():
            sums.setdefault(name, []).append(value)
    return {name: torch.stack(values).float().mean().item() for name, values in sums.items()}
