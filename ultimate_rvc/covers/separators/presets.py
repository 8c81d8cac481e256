"""Which models a separator's name means: files as audio-separator lists them.

`upstream` are the three of Ultimate RVC 0.6. In the other families it is the model with the best median SDR of the
vocals in the table that audio-separator 0.47 ships (dB, MUSDB18-HQ): mel-roformer 12.6, bs-roformer 12.1, demucs 10.8,
mdx23c 10.6, mdx 10.2, vr 8.3; upstream's first has 10.2.
"""

from dataclasses import dataclass

KARAOKE = "mel_band_roformer_karaoke_aufr33_viperx_sdr_10.1956.ckpt"
DEREVERB = "dereverb_mel_band_roformer_anvuew_sdr_19.1729.ckpt"
MDX_KARAOKE = "UVR_MDXNET_KARA_2.onnx"
MDX_DEREVERB = "Reverb_HQ_By_FoxJoy.onnx"


@dataclass(frozen=True)
class Preset:
    """Models for vocals, for main and backup vocals, and against reverb; None where there is none for it.

    `splits` and `dereverbs` are what is done unless somebody says otherwise; `denoises` is MDX's second pass over the
    signal turned upside down.
    """

    vocals: str | None = None
    karaoke: str | None = KARAOKE
    dereverb: str | None = DEREVERB
    splits: bool = True
    dereverbs: bool = False
    denoises: bool = False


PRESETS = {
    "none": Preset(splits=False),
    "classical": Preset(karaoke=None, dereverb=None, splits=False),
    "upstream": Preset("UVR-MDX-NET-Voc_FT.onnx", MDX_KARAOKE, MDX_DEREVERB, dereverbs=True, denoises=True),
    "mdx": Preset("Kim_Vocal_2.onnx", MDX_KARAOKE, MDX_DEREVERB),
    "mdx23c": Preset("MDX23C-8KFFT-InstVoc_HQ.ckpt", dereverb="MDX23C-De-Reverb-aufr33-jarredou.ckpt"),
    "vr": Preset("4_HP-Vocal-UVR.pth", "5_HP-Karaoke-UVR.pth", "UVR-DeEcho-DeReverb.pth"),
    "demucs": Preset("htdemucs_ft.yaml"),
    "bs-roformer": Preset("model_bs_roformer_ep_368_sdr_12.9628.ckpt"),
    "mel-roformer": Preset("vocals_mel_band_roformer.ckpt"),
}
# What 'auto' is: attention over a whole song takes a processor an order of magnitude longer than convolutions do.
BEST_ON_GPU, BEST_ON_CPU = "mel-roformer", "mdx"
