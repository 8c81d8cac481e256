"""Weights are read without running code, in every spelling; what is not theirs is refused in one line."""

import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from tiny.encoders import write_encoder
from tiny.voices import write_voice
from torch import nn

from ultimate_rvc.errors import CheckpointError, UnsafePickleError, WeightsNotFound
from ultimate_rvc.rvc import pitch
from ultimate_rvc.rvc.embed.hubert import load_encoder
from ultimate_rvc.rvc.stored_weights import fit, fold_weight_norm, read_weights
from ultimate_rvc.rvc.synth.checkpoint import load_checkpoint


class Network(nn.Module):
    """Two layers, one of which counts batches."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(3, 5, 4), nn.BatchNorm1d(5)


def saved(path: Path, held: object, **how: bool) -> Path:
    torch.save(held, path, **how)
    return path


def made_of(weights: dict, path: Path = Path("net.pt")) -> nn.Module:
    with torch.device("meta"):
        network = Network()
    return fit(network, weights, path)


@pytest.mark.parametrize("zipped", [True, False])
def test_both_containers_of_torch_are_read(tmp_path, zipped):
    weights = Network().state_dict()
    held = read_weights(saved(tmp_path / "net.pt", weights, _use_new_zipfile_serialization=zipped))
    assert held.keys() == weights.keys() and all(torch.equal(held[key], weights[key]) for key in weights)


def test_a_fitted_network_is_ready_and_outlives_the_name_of_its_file(tmp_path):
    weights = Network().state_dict()
    path = saved(tmp_path / "net.pt", weights)
    network = made_of(read_weights(path))
    (tmp_path / "other.pt").write_bytes(bytes(path.stat().st_size))
    (tmp_path / "other.pt").replace(path)
    assert torch.equal(network.conv.weight, weights["conv.weight"])
    assert not network.training and not any(value.requires_grad for value in network.parameters())


@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_weights_in_single_precision_are_used_where_they_lie(tmp_path, suffix):
    held = Network().state_dict()
    path = tmp_path / f"net.{suffix}"
    save_file(held, path) if suffix == "safetensors" else torch.save(held, path)
    weights = read_weights(path)
    network = made_of(weights)
    assert network.conv.weight.data_ptr() == weights["conv.weight"].data_ptr()
    network.conv.weight.zero_()  # changes nothing in the file
    assert torch.equal(read_weights(path)["conv.weight"], held["conv.weight"])


def test_a_voice_does_not_hang_on_its_file(tmp_path):
    path = write_voice(tmp_path)
    weights = dict(load_checkpoint(path).weights)
    before = {key: value.clone() for key, value in weights.items()}
    path.write_bytes(bytes(path.stat().st_size))
    assert all(torch.equal(weights[key], before[key]) for key in weights)


def test_half_precision_is_widened_and_the_counter_of_batches_may_be_left_out():
    weights = {key: value.half() for key, value in Network().state_dict().items() if "num_batches" not in key}
    network = made_of(weights)
    assert {value.dtype for value in network.parameters()} == {torch.float32}
    assert torch.equal(network.conv.weight, weights["conv.weight"].float())


@pytest.mark.parametrize("spelling", [nn.utils.weight_norm, nn.utils.parametrizations.weight_norm])
@pytest.mark.parametrize(
    ("layer", "axis"), [(nn.Conv1d(6, 10, 5), 0), (nn.ConvTranspose1d(6, 10, 16, 8), 0), (nn.Conv1d(6, 10, 5), 2)]
)
@pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")
def test_weight_norm_is_folded_bit_for_bit_as_torch_computes_it(spelling, layer, axis):
    plain = type(layer)(layer.in_channels, layer.out_channels, layer.kernel_size, layer.stride)
    normed = spelling(plain, dim=axis)
    with torch.no_grad():
        next(value for value in normed.parameters() if value.shape.numel() == plain.weight.shape[axis]).mul_(1.7)
        normed(torch.zeros(1, 6, 30))
    folded = fold_weight_norm({"x." + key: value for key, value in normed.state_dict().items()})
    assert set(folded) == {"x.weight", "x.bias"} and torch.equal(folded["x.weight"], normed.weight)


def test_halves_of_weight_norm_that_are_no_pair_are_left_to_the_comparison():
    halves = {"conv.weight_g": torch.ones(7, 1, 1), "conv.weight_v": torch.ones(5, 3, 4)}
    weights = {key: value for key, value in Network().state_dict().items() if key != "conv.weight"} | halves
    with pytest.raises(CheckpointError, match=r"1 missing: conv.weight; 2 surplus: conv.weight_g, conv.weight_v"):
        made_of(weights)


def test_missing_surplus_and_misshapen_keys_are_listed_and_cut():
    weights = Network().state_dict() | {f"stray.{i}": torch.zeros(1) for i in range(9)} | {"conv.bias": torch.ones(2)}
    del weights["norm.weight"]
    with pytest.raises(CheckpointError) as caught:
        made_of(weights | {"norm.bias": "none"})
    assert str(caught.value) == (
        "net.pt does not fit Network: 1 missing: norm.weight; "
        "9 surplus: stray.0, stray.1, stray.2, stray.3, stray.4, stray.5 and 3 more; "
        "2 misshapen: conv.bias (2,) for (5,), norm.bias <class 'str'> for (5,); download it again"
    )


OTHER_FILES = {
    "empty": (b"", "is empty"),
    "page": (b"<!DOCTYPE html><html>404</html>", "web page"),
    "index": (b"IwFl" + bytes(64), "retrieval index"),
    "cut off": (b"PK\x03\x04 cut off", "cut off"),
    "text": (b"hello, these are no weights", "is damaged, or not a voice at all"),
    "zeros": (bytes(1000), "damaged|cannot be read as a voice"),
    "half a pickle": (b"\x80\x02.", "is damaged"),
    "a list": (pickle.dumps([1], protocol=2), "cannot be read as a voice"),
}


@pytest.mark.parametrize("kind", OTHER_FILES)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_other_files_are_told_apart(tmp_path, kind, suffix):
    content, said = OTHER_FILES[kind]
    path = tmp_path / f"v{suffix}"
    path.write_bytes(content)
    told = said if suffix == ".pt" else r"cannot be read as a voice \(\w"
    with pytest.raises(CheckpointError, match=told) as caught:
        read_weights(path, "a voice")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_what_holds_no_table_is_refused(tmp_path):
    for held in ([torch.ones(2)], {1: torch.ones(2)}):
        with pytest.raises(CheckpointError, match=r"is not a file of weights: it holds a (list|dict)"):
            read_weights(saved(tmp_path / "list.pt", held))


def test_an_archive_of_files_and_a_file_that_broke_off_are_told(tmp_path):
    with zipfile.ZipFile(tmp_path / "v.pth", "w") as archive:
        archive.writestr("singer/singer.pth", b"x")
    with pytest.raises(CheckpointError, match="archive of files"):
        read_weights(tmp_path / "v.pth")
    path = saved(tmp_path / "net.pt", Network().state_dict())
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cut off"):
        read_weights(path)


def test_a_path_that_leads_nowhere_is_said_so(tmp_path):
    for path in (tmp_path / "absent.pt", tmp_path):
        with pytest.raises(WeightsNotFound, match="is no file"):
            read_weights(path)


class Trap:
    """A pickle that wants to call something."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self):
        return exec, (f"open({str(self.folder / 'sprung')!r}, 'w')",)


ROOMS = {
    "v.pth": load_checkpoint,
    "rmvpe.pt": lambda path: pitch.load("rmvpe", torch.device("cpu"), path),
    "pytorch_model.bin": lambda path: load_encoder(path.parent, "cpu"),
}


@pytest.mark.parametrize("name", ROOMS)
@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_wants_to_run_code_is_refused_by_every_room(tmp_path, name, zipped):
    write_encoder(tmp_path, hidden=48)
    path = saved(tmp_path / name, {"weight": Trap(tmp_path)}, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnsafePickleError, match=rf"{name} wants to run code .*exec"):
        ROOMS[name](path)
    assert not (tmp_path / "sprung").exists()


def test_a_bare_pickle_that_wants_to_run_code_is_refused(tmp_path):
    (tmp_path / "v.pth").write_bytes(pickle.dumps(Trap(tmp_path), protocol=2))
    with pytest.raises((UnsafePickleError, CheckpointError), match=r"v\.pth"):
        read_weights(tmp_path / "v.pth")
    assert not (tmp_path / "sprung").exists()
