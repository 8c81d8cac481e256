"""Every option of training once, with the names and defaults of Ultimate RVC 0.6: frozen records as in `options`."""

from dataclasses import dataclass

from ultimate_rvc.errors import OptionError
from ultimate_rvc.options import EMBEDDERS, Checked, EmbedderOptions, knob

TRAINING_RATES_HZ = (32_000, 40_000, 48_000)
NORMALIZATION_MODES = ("none", "pre", "post")
SPLIT_METHODS = ("Automatic", "Simple", "Skip")
ACCELERATIONS = ("Automatic", "CPU", "GPU")
# Before there is a voice, none can say which encoder it was trained with.
TRAINING_EMBEDDERS = tuple(name for name in EMBEDDERS if name != "auto")
TRAINING_F0_METHODS = ("rmvpe", "crepe", "crepe-tiny", "fcpe", "swift")
INDEX_ALGORITHMS = ("Auto", "Faiss", "KMeans")
VOCODERS = ("HiFi-GAN", "MRF HiFi-GAN", "RefineGAN")
PRETRAINED_TYPES = ("None", "Default", "Custom")
TRAINING_PRECISIONS = ("fp32", "fp16", "bf16")


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
        "contentvec", "The content encoder; the voice will need it whenever it is used.", choices=TRAINING_EMBEDDERS
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


@dataclass(frozen=True)
class TrainingOptions(Checked):
    """How a voice is trained. Raises OptionError for combinations that make no sense."""

    num_epochs: int = knob(500, "Epochs in all, those of an interrupted training included.", low=1)
    batch_size: int = knob(8, "Slices that are trained on at once.", low=1)
    detect_overtraining: bool = knob(False, "Stop when the losses have not fallen for long.")
    overtraining_threshold: int = knob(
        50, "Epochs without a lower loss after which a voice is overtrained; twice as many for its judges.", low=1
    )
    vocoder: str = knob("HiFi-GAN", "What sings.", choices=VOCODERS)
    pretrained_type: str = knob(
        "Default",
        "What to begin with: None from scratch, Default the field's, Custom one of your own.",
        choices=PRETRAINED_TYPES,
    )
    custom_pretrained: str | None = knob(None, "Folder of a pretrained G and D, with '--pretrained-type Custom'.")
    save_interval: int = knob(10, "Epochs from one checkpoint to the next; the best voice is always kept.", low=1)
    save_all_checkpoints: bool = knob(False, "Keep every checkpoint, not only the last.")
    save_all_weights: bool = knob(False, "Export a voice with every checkpoint, not only the best.")
    clear_saved_data: bool = knob(False, "Begin anew: delete the checkpoints and voices of an earlier training.")
    upload_model: bool = knob(False, "Put the finished voice among the voices to sing with.")
    upload_name: str | None = knob(None, "Its name there, with '--upload-model'.")
    precision: str = knob("fp32", "Precision of most of the arithmetic.", choices=TRAINING_PRECISIONS)
    preload_dataset: bool = knob(False, "Hold the dataset on the GPU; on a CPU it is in memory anyway where it fits.")
    reduce_memory_usage: bool = knob(False, "Compute activations twice rather than keep them: slower, in less memory.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.upload_model and not (self.upload_name or "").strip():
            raise OptionError("upload_model needs a name for the voice; add --upload-name")
        if self.pretrained_type == "Custom" and not self.custom_pretrained:
            raise OptionError("pretrained_type is 'Custom', but custom_pretrained is not given; name its folder")
        if self.pretrained_type != "Custom" and self.custom_pretrained:
            raise OptionError(
                f"custom_pretrained is {self.custom_pretrained!r}, but pretrained_type is {self.pretrained_type!r}; "
                "use --pretrained-type Custom"
            )
