"""What is made and found out beforehand, in a process of its own so that the one that measures stays small."""

from pathlib import Path
from typing import Any


class Runner:
    """Methods are requests; see ultimate_rvc/benchmark/server.py."""

    def engine(self, *, device: str) -> dict[str, Any]:
        """The device that is used, and what torch knows about this machine."""
        import torch

        from ultimate_rvc.device import choose
        from ultimate_rvc.rvc.infer.infer import PipelineConfig

        chosen = choose(device)
        spans = PipelineConfig.for_device(chosen, strict_parity=True)  # for the peer: its own
        return {
            "kind": chosen.kind,
            "device": str(chosen.torch),
            "description": chosen.description,
            "memory_bytes": chosen.memory_bytes,
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "mps_built": torch.backends.mps.is_built(),
            "mps_available": torch.backends.mps.is_available(),
            "cards": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
            "spans": {name: getattr(spans, name) for name in ("x_pad", "x_query", "x_center", "x_max", "device")},
        }

    def models(self, *, folder: str) -> None:
        """Random models of full size."""
        from ultimate_rvc.benchmark.random_models import RandomVoice, write_models

        write_models(Path(folder), RandomVoice())

    def index(self, *, path: str, vectors: int) -> None:
        """A random index of so many vectors."""
        from ultimate_rvc.benchmark.random_indexes import build, clouds

        build(clouds(vectors, 1), Path(path))
