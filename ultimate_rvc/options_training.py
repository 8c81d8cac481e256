"""Every option of training once, with the names and defaults of Ultimate RVC 0.6: frozen records as in `options`."""

from dataclasses import dataclass

from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import EMBEDDERS, Checked, EmbedderOptions, knob

TRAINING_RATES_HZ = (32_000, 40_000, 48_000)
NORMALIZATION_MODES = ("none", "pre", "post")
SPLIT_METHODS = ("Automatic", "Simple", "Skip")
ACCELERATIONS = ("Automatic", "CPU", "GPU")
TRAINING_F0_METHODS = ("rmvpe", "crepe", "crepe-tiny", "fcpe", "swift")
INDEX_ALGORITHMS = ("Auto", "Faiss", "KMeans")


@dataclass(frozen=True)
class DatasetOptions(Checked):
    """How recordings become slices."""

    sample_rate: int = knob(40_000, "The voice's sample rate in Hz.", choices=TRAINING_RATES_HZ)
    normalization_mode: str = knob(
        "post", "Bring loudness to one level: of each recording (pre), of each slice (post), or not.",
        choices=NORMALIZATION_MODES,
    )  # fmt: skip
    filter_audio: bool = knob(True, "Take rumble below 48 Hz away.")
    clean_audio: bool = knob(False, "Reduce the noise of the recordings.")
    clean_strength: float = knob(0.7, "How strongly noise is reduced, from 0 to 1.", low=0, high=1)
    split_method: str = knob(
        "Automatic",
        "Cut at silences, which are left out, then into 3 s (Automatic); cut into pieces of one length, for recordings "
        "without long silences (Simple); do not cut, for recordings that are slices already (Skip).",
        choices=SPLIT_METHODS,
    )
    chunk_len: float = knob(3.0, "Seconds of a piece, with Simple.", low=0.5, high=5)
    overlap_len: float = knob(0.3, "Seconds that two pieces share, with Simple.", low=0, high=0.4)
    cpu_cores: int | None = knob(None, "Recordings worked on at once; left out: one per core.", low=1)


@dataclass(frozen=True)
class FeatureOptions(Checked):
    """What is measured of each slice."""

    f0_method: str = knob("rmvpe", "How pitch is estimated.", choices=TRAINING_F0_METHODS)
    include_mutes: int = knob(
        2, "Slices of silence per speaker, so that the voice learns it; 0 where the recordings hold it.", low=0, high=10
    )
    cpu_cores: int | None = knob(None, "Cores that are kept busy where there is no GPU; left out: all.", low=1)


@dataclass(frozen=True)
class TrainingEmbedderOptions(EmbedderOptions):
    """EmbedderOptions as they read before there is a voice."""

    embedder_model: str = knob(
        "contentvec", "The content encoder; the voice will need it whenever it is used.", choices=EMBEDDERS
    )


@dataclass(frozen=True)
class HardwareOptions(Checked):
    """What computes. Raises OptionError for GPUs that are named but not asked for, and the reverse."""

    hardware_acceleration: str = knob(
        "Automatic", "Automatic takes the first GPU, or the CPU where there is none; GPU takes those of --gpu-id.",
        choices=ACCELERATIONS,
    )  # fmt: skip
    gpu_id: tuple[int, ...] = knob((), "With GPU: the number of one; repeatable.", low=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.hardware_acceleration == "GPU" and not self.gpu_id:
            raise OptionError("hardware_acceleration is GPU, but no gpu_id says which; name one, or choose Automatic")
        if self.hardware_acceleration != "GPU" and self.gpu_id:
            raise OptionError(f"gpu_id is for hardware_acceleration GPU, not {self.hardware_acceleration}")


@dataclass(frozen=True)
class IndexOptions(Checked):
    """How the index is made."""

    index_algorithm: str = knob(
        "Auto",
        "KMeans and Auto boil more than 200,000 features down to 10,000; Faiss keeps every one.",
        choices=INDEX_ALGORITHMS,
    )
