"""Where things lie: the URVC_* variables first, then the defaults below the working directory.

Every function is called late and creates nothing; whoever writes a file makes its folder.

    models/            URVC_MODELS_DIR        rvc/embedders/, rvc/predictors/, rvc/voice_models/,
                                              audio_separator/
    voice_models/      URVC_VOICE_MODELS_DIR  a folder per voice
    audio/             URVC_AUDIO_DIR         intermediate/, cache/, speech/, output/
    temp/  logs/       URVC_TEMP_DIR, URVC_LOGS_DIR
    configs/           URVC_CONFIG_DIR        presets; the ones of the package are always found

What comes with the program lies inside the package: shipped/voices/NAME/, shipped/embedders/NAME/.
"""

import os
from pathlib import Path


def _folder(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.cwd() / default).expanduser()


def models_dir() -> Path:
    """Everything that was trained by somebody: encoders, predictors, separators."""
    return _folder("URVC_MODELS_DIR", "models")


def embedders_dir() -> Path:
    """Content encoders, a folder each."""
    return models_dir() / "rvc" / "embedders"


def predictors_dir() -> Path:
    """Weights of pitch estimators: rmvpe.pt, fcpe.pt."""
    return models_dir() / "rvc" / "predictors"


def training_dir() -> Path:
    """Trainings, a folder each."""
    return models_dir() / "rvc" / "training"


def pretraineds_dir() -> Path:
    """Checkpoints that trainings begin with: NETWORK/f0G40k.pth and so on, and custom/NAME/."""
    return models_dir() / "rvc" / "pretraineds"


def datasets_dir() -> Path:
    """Recordings to train on, a folder each."""
    return audio_dir() / "training"


def separators_dir() -> Path:
    """Models that take songs apart, as audio-separator names its files."""
    return models_dir() / "audio_separator"


def voice_dirs() -> list[Path]:
    """Folders that hold voices, in the order in which they are searched; new ones go to the first."""
    own = _folder("URVC_VOICE_MODELS_DIR", "voice_models")
    return [own, models_dir() / "rvc" / "voice_models", shipped_dir() / "voices"]


def shipped_dir() -> Path:
    """What comes with the program, in the tree and in an installed package. Nothing is ever written there."""
    return Path(__file__).parent / "shipped"


def is_shipped(path: Path | str) -> bool:
    """Whether it is part of what comes with the program."""
    return Path(path).resolve().is_relative_to(shipped_dir().resolve())


def audio_dir() -> Path:
    """What the program makes."""
    return _folder("URVC_AUDIO_DIR", "audio")


def output_dir() -> Path:
    """Finished covers."""
    return audio_dir() / "output"


def intermediate_dir() -> Path:
    """What lies between a song and its cover."""
    return audio_dir() / "intermediate"


def cache_dir() -> Path:
    """What was made for covers, to be found again. On the disk of `intermediate_dir`, which names its files."""
    return audio_dir() / "cache"


def speech_dir() -> Path:
    """Spoken text, before and after its conversion."""
    return audio_dir() / "speech"


def temp_dir() -> Path:
    """Files that may be deleted at any time."""
    return _folder("URVC_TEMP_DIR", "temp")


def logs_dir() -> Path:
    """Log files."""
    return _folder("URVC_LOGS_DIR", "logs")


def preset_dirs() -> list[Path]:
    """Folders of presets: the user's own, the tree's, and the copy inside an installed package."""
    package = Path(__file__).parent
    return [_folder("URVC_CONFIG_DIR", "configs"), package.parent / "configs", package / "configs"]
