"""Models of audio-separator with random weights, in the files and lists by which the package knows them.

One of each architecture, a few kilobytes each: MDX (ONNX), VR, Demucs (Hybrid Transformer) and a mel-band Roformer.
What they give is no music, but it has a shape, a length and a loudness.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

MDX, MDX_KARAOKE, MDX_ALL, VR, DEMUCS, ROFORMER = (
    "tiny_mdx.onnx",
    "tiny_karaoke.onnx",
    "tiny_all.onnx",
    "tiny_vr.pth",
    "tiny.yaml",
    "tiny.ckpt",
)
BINS, FRAMES_EXPONENT, WINDOW = 2_048, 8, 4_096
ROFORMER_CONFIG = "tiny_mel_band_roformer.yaml"
DEMUCS_SIGNATURE = "0a1b2c3d"
DEMUCS_FILES = (f"{DEMUCS_SIGNATURE}.th", DEMUCS)
VR_PARAMETERS = {"vr_model_param": "4band_v3", "primary_stem": "Vocals", "nout": 4, "nout_lstm": 8}
VR_BINS = 672


def write_models(folder: Path) -> Path:
    """Every model, and the lists that make the package find them without a network."""
    folder.mkdir(parents=True, exist_ok=True)
    parameters = {
        _mdx(folder / MDX, _random_kernel(1)): _mdx_parameters("Vocals"),
        _mdx(folder / MDX_KARAOKE, _random_kernel(2)): _mdx_parameters("Instrumental"),
        _mdx(folder / MDX_ALL, _one_to_one()): _mdx_parameters("Vocals"),
    }
    _write(folder / "mdx_model_data.json", parameters)
    _roformer(folder)
    _demucs(folder)
    _write(folder / "vr_model_data.json", {_vr(folder / VR): VR_PARAMETERS})
    lists = ("mdx_download_vip_list", "mdx23c_download_list", "mdx23c_download_vip_list")
    _write(
        folder / "download_checks.json",
        {
            **{name: {} for name in lists},
            "mdx_download_list": {"MDX: tiny": MDX, "MDX: tiny karaoke": MDX_KARAOKE, "MDX: all": MDX_ALL},
            "roformer_download_list": {"Roformer: tiny": {ROFORMER: ROFORMER_CONFIG}},
            "vr_download_list": {"VR: tiny": VR},
            "demucs_download_list": {"Demucs v4: tiny": {name: f"https://localhost/{name}" for name in DEMUCS_FILES}},
        },
    )
    return folder


def _random_kernel(seed: int) -> np.ndarray:
    return 0.2 * np.random.default_rng(seed).standard_normal((4, 4, 3, 3)).astype(np.float32)


def _one_to_one() -> np.ndarray:
    """Lets everything through: all is vocals."""
    kernel = np.zeros((4, 4, 3, 3), np.float32)
    kernel[range(4), range(4), 1, 1] = 1
    return kernel


def _mdx(path: Path, kernel: np.ndarray) -> str:
    """A convolution of a spectrogram's four planes; the hash by which the package knows the file."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    shape = ["batch", 4, BINS, 2**FRAMES_EXPONENT]
    node = helper.make_node("Conv", ["input", "kernel"], ["output"], pads=[1, 1, 1, 1])
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("input", "output")]
    graph = helper.make_graph([node], "tiny", ends[:1], ends[1:], [numpy_helper.from_array(kernel, "kernel")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return hashlib.md5(path.read_bytes()).hexdigest()


def _mdx_parameters(stem: str) -> dict:
    return {
        "compensate": 1.03,
        "mdx_dim_f_set": BINS,
        "mdx_dim_t_set": FRAMES_EXPONENT,
        "mdx_n_fft_scale_set": WINDOW,
        "primary_stem": stem,
    }


def _roformer(folder: Path) -> None:
    """A mel-band Roformer of one layer."""
    import torch
    import yaml
    from audio_separator.separator.uvr_lib_v5.roformer.mel_band_roformer import MelBandRoformer

    model = {
        "dim": 8, "depth": 1, "stereo": True, "num_stems": 1, "time_transformer_depth": 1,
        "freq_transformer_depth": 1, "num_bands": 8, "dim_head": 8, "heads": 2, "attn_dropout": 0.0,
        "ff_dropout": 0.0, "flash_attn": False, "dim_freqs_in": 513, "sample_rate": 44_100, "stft_n_fft": 1_024,
        "stft_hop_length": 441, "stft_win_length": 1_024, "stft_normalized": False, "mask_estimator_depth": 1,
        "multi_stft_resolution_loss_weight": 1.0, "multi_stft_resolutions_window_sizes": (1_024,),
        "multi_stft_hop_size": 147, "multi_stft_normalized": False,
    }  # fmt: skip
    config = {
        "audio": {"chunk_size": 44_100, "dim_f": 513, "dim_t": 101, "hop_length": 441, "n_fft": 1_024,
                  "num_channels": 2, "sample_rate": 44_100, "min_mean_abs": 0.0},
        "model": model,
        "training": {"instruments": ["vocals", "other"], "target_instrument": "vocals"},
        "inference": {"batch_size": 1, "dim_t": 101, "num_overlap": 2},
    }  # fmt: skip
    (folder / ROFORMER_CONFIG).write_text(yaml.dump(config))  # with tuples, as theirs are
    torch.manual_seed(3)
    torch.save(MelBandRoformer(**model).state_dict(), folder / ROFORMER)


def _demucs(folder: Path) -> None:
    """A Hybrid Transformer Demucs of one layer, as Demucs packs its models, and the bag that holds it."""
    import torch
    from audio_separator.separator.uvr_lib_v5.demucs.htdemucs import HTDemucs

    torch.manual_seed(4)
    shape = {"channels": 8, "dconv_comp": 4, "depth": 4, "t_layers": 1, "t_heads": 2, "segment": 4}
    sources = ["drums", "bass", "other", "vocals"]
    model = HTDemucs(sources, **shape)
    parts = {"klass": HTDemucs, "args": (sources,), "kwargs": shape, "state": model.state_dict()}
    torch.save(parts, folder / DEMUCS_FILES[0])
    (folder / DEMUCS).write_text(f"models: ['{DEMUCS_SIGNATURE}']\n")


def _vr(path: Path) -> str:
    """A cascaded network of VR 5.1 with few channels; the hash by which the package knows the file."""
    import torch
    from audio_separator.separator.uvr_lib_v5.vr_network.nets_new import CascadedNet

    torch.manual_seed(5)
    network = CascadedNet(2 * VR_BINS, 31_191, nout=VR_PARAMETERS["nout"], nout_lstm=VR_PARAMETERS["nout_lstm"])
    torch.save(network.state_dict(), path)
    return hashlib.md5(path.read_bytes()).hexdigest()


def _write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content))
