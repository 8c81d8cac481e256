"""The launcher says what machine it is on, installs what fits it, once, and hands everything else through."""

import shutil
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest
from tiny.launchers import APPLE, BROKEN_DRIVER, INTEL_MAC, NVIDIA, PLAIN, ROSETTA, TREE, Machine, Workplace

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the launcher is a bash script")

TORCH = "torch>=2.5,<2.14"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
OWN_CPU_BUILDS = "2.13.1, 2.13.0+cpu, 2.12.0+cpu, 2.12.0"


@pytest.fixture
def here(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path)


@pytest.fixture
def ready(here: Workplace) -> Workplace:
    """A workplace where everything is installed."""
    assert here.start("install").status == 0
    here.calls()
    return here


def test_bash_can_parse_it() -> None:
    subprocess.run(["bash", "-n", str(TREE / "urvc-macos.sh")], check=True)


# --- what machine this is ---


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (PLAIN, "Linux x86_64, no NVIDIA GPU: plain CPU"),
        (BROKEN_DRIVER, "Linux x86_64, no NVIDIA GPU: plain CPU"),
        (NVIDIA, "NVIDIA (NVIDIA GeForce RTX 4090,NVIDIA T4): CUDA"),
        (APPLE, "Apple Silicon (Apple M2): GPU through MPS"),
        (ROSETTA, "Rosetta"),
        (INTEL_MAC, "Intel Mac (Intel(R) Core(TM) i7): CPU"),
    ],
)
def test_it_says_what_the_machine_is(here: Workplace, machine: Machine, words: str) -> None:
    here.become(machine)
    assert words in here.start("cli").err


def test_an_unknown_system_is_an_error(here: Workplace) -> None:
    here.become(Machine(system="SunOS"))
    started = here.start("cli")
    assert started.status == 1 and "SunOS is not supported" in started.err


# --- what is installed ---


def test_a_cpu_build_that_pip_finds_comes_first(here: Workplace) -> None:
    assert here.start("install", FAKE_INDEX=OWN_CPU_BUILDS, FAKE_TORCH="2.13.0+cpu").status == 0
    torch, package = here.installs()
    assert torch == ["--no-deps", f"{TORCH},==2.13.0+cpu"]
    assert package[0] == "-c" and Path(package[1]).read_text() == "torch==2.13.0+cpu\n"
    assert package[2:] == ["-e", str(here.tree)]


def test_an_older_cpu_build_serves_where_the_newest_does_not(here: Workplace) -> None:
    here.start("install", FAKE_INDEX=OWN_CPU_BUILDS, FAKE_PIP_FAILS="2.13.0+cpu")
    assert here.installs()[1] == ["--no-deps", f"{TORCH},==2.12.0+cpu"]


def test_without_a_cpu_build_of_its_own_pytorchs_cpu_index_serves(here: Workplace) -> None:
    here.start("install")
    assert here.installs()[0] == ["--no-deps", "--index-url", CPU_INDEX, TORCH]


@pytest.mark.parametrize("uv", [False, True])
@pytest.mark.parametrize("machine", [PLAIN, BROKEN_DRIVER])
@pytest.mark.parametrize("word", ["cli", "test", "install"])
def test_a_machine_without_a_card_never_gets_cuda(here: Workplace, machine: Machine, word: str, uv: bool) -> None:
    here.become(replace(machine, uv=uv))
    assert here.start(word).status == 0
    for arguments in here.installs():
        assert "torchaudio" not in " ".join(arguments)
        assert CPU_INDEX in arguments or Path(arguments[arguments.index("-c") + 1]).read_text() == "torch==2.13.0\n"


def test_a_card_gets_cuda_and_torchaudio_of_the_same_version(here: Workplace) -> None:
    here.become(NVIDIA)
    here.start("install", FAKE_TORCH="2.13.0+cu130")
    assert here.installs()[:2] == [[TORCH], ["--no-deps", "torchaudio==2.13.0"]]


def test_a_card_goes_without_torchaudio_and_says_so(here: Workplace) -> None:
    here.become(NVIDIA)
    started = here.start("install", FAKE_PIP_FAILS="torchaudio")
    assert started.status == 0 and "no torchaudio for PyTorch 2.13.0" in started.err


def test_apple_silicon_gets_the_plain_build(here: Workplace) -> None:
    here.become(APPLE)
    here.start("install")
    assert [arguments[0] for arguments in here.installs()] == [TORCH, "-c"]


def test_an_intel_mac_is_told_why_there_is_no_pytorch(here: Workplace) -> None:
    here.become(INTEL_MAC)
    started = here.start("install", FAKE_PIP_FAILS="torch>=")
    assert started.status == 1 and "ended its builds for Intel Macs" in started.err


def test_uv_is_used_where_it_is_there(here: Workplace) -> None:
    here.become(replace(APPLE, uv=True))
    here.start("install")
    calls = [call for call in here.calls() if call[0] == "uv"]
    assert [call[1:3] for call in calls] == [["venv", "--seed"], ["pip", "install"], ["pip", "install"]]


def test_uv_can_be_declined(here: Workplace) -> None:
    here.become(replace(APPLE, uv=True))
    here.start("install", URVC_NO_UV="1")
    assert all(call[0] != "uv" for call in here.calls())


def test_pitch_weights_come_without_the_packages_they_ask_for(ready: Workplace) -> None:
    ready.start("install", "--pitch-extras")
    assert ready.installs()[-1] == ["--no-deps", "torchcrepe", "torchfcpe"]


@pytest.mark.parametrize("extra", ["separation", "speech", "serve", "benchmark"])
def test_extras_are_installed_beside_the_same_torch(ready: Workplace, extra: str) -> None:
    ready.start("install", f"--{extra}")
    *constrained, what = ready.installs()[-1]
    assert what.endswith(f"[{extra}]") and "-c" in constrained


def test_an_unknown_extra_is_refused_with_those_that_there_are(ready: Workplace) -> None:
    started = ready.start("install", "--songs")
    assert started.status == 2 and "--separation" in started.err


# --- what is missing ---


def test_without_python_it_says_how_to_get_one(here: Workplace) -> None:
    here.become(Machine(python=""))
    started = here.start("cli")
    assert started.status == 1 and "found: no python3 at all. Install one: apt install" in started.err


@pytest.mark.parametrize("version", ["3.10.12", "3.14.0", "2.7.18"])
def test_a_python_that_does_not_fit_is_named(here: Workplace, version: str) -> None:
    here.become(Machine(python=f"{version} x86_64"))
    started = here.start("cli")
    assert started.status == 1 and f"python3 is {version} x86_64" in started.err


def test_an_intel_python_does_not_fit_apple_silicon(here: Workplace) -> None:
    here.become(replace(APPLE, python="3.12.4 x86_64"))
    started = here.start("cli")
    assert started.status == 1 and "for Apple Silicon, not Intel" in started.err


def test_uv_brings_the_python_that_is_missing(here: Workplace) -> None:
    here.become(Machine(python="3.9.6 x86_64", uv=True))
    assert here.start("install").status == 0
    assert next(call for call in here.calls() if call[:2] == ["uv", "venv"])[4:6] == ["--python", "3.12"]


def test_debians_missing_venv_module_is_named(here: Workplace) -> None:
    started = here.start("cli", FAKE_VENV_STATUS="1")
    assert started.status == 1 and "python3-venv" in started.err


# --- once ---


def test_a_second_start_installs_nothing(ready: Workplace) -> None:
    assert ready.start("cli").status == 0
    assert [call[:4] for call in ready.calls()] == [["python", "-P", "-m", "ultimate_rvc.cli.main"]]


def test_tests_need_more_and_get_it_once(ready: Workplace) -> None:
    ready.start("test")
    assert [arguments[-1] for arguments in ready.installs()] == [f"{ready.tree}[test,serve,web,browser,benchmark]"]
    ready.start("test")
    assert ready.installs() == []


def test_changed_dependencies_are_installed(ready: Workplace) -> None:
    with (ready.tree / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    ready.start("cli")
    assert ready.installs()[-1][-2:] == ["-e", str(ready.tree)]
    ready.start("cli")
    assert ready.installs() == []


def test_an_interrupted_set_up_is_made_anew(here: Workplace) -> None:
    assert here.start("cli", FAKE_PIP_FAILS="-e").status == 1
    (here.tree / ".venv" / "half-written").touch()
    started = here.start("cli")
    assert started.status == 0 and "interrupted" in started.err
    assert not (here.tree / ".venv" / "half-written").exists()


def test_somebodys_own_environment_is_used_and_never_deleted(here: Workplace) -> None:
    (here.tree / ".venv" / "bin").mkdir(parents=True)
    shutil.copy(here.bin / "python3", here.tree / ".venv" / "bin" / "python")
    (here.tree / ".venv" / "mine").touch()
    assert here.start("cli").status == 0
    assert (here.tree / ".venv" / "mine").exists()
    assert all("venv" not in call for call in here.calls())


def test_a_card_that_came_later_gets_its_pytorch(ready: Workplace) -> None:
    ready.become(NVIDIA)
    ready.start("cli")
    assert ready.installs()[0] == [TORCH]
    ready.become(PLAIN)
    ready.start("cli")
    assert ready.installs() == []


def test_a_moved_tree_is_installed_where_it_is(ready: Workplace) -> None:
    ready.tree = ready.tree.rename(ready.tree.with_name("elsewhere"))
    ready.start("cli", script=ready.tree / "urvc-macos.sh")
    assert ready.installs()[-1][-1] == str(ready.tree)


def test_two_starts_at_once_install_once(here: Workplace) -> None:
    starts = [here.begin("cli", FAKE_PIP_S="0.3") for _ in range(2)]
    ended = [start.communicate(timeout=60) for start in starts]
    assert [start.returncode for start in starts] == [0, 0]
    assert sum("another start is setting up" in err for _, err in ended) == 1
    assert len(here.installs()) == 2
    assert not (here.tree / ".venv.lock").exists()


def test_a_lock_whose_owner_is_gone_is_broken(here: Workplace) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    (here.tree / ".venv.lock").mkdir()
    (here.tree / ".venv.lock" / "pid").write_text(str(gone.pid))
    assert here.start("cli").status == 0


def test_an_interrupt_leaves_no_lock(here: Workplace) -> None:
    start = here.begin("cli", FAKE_PIP_S="1")
    while not (here.tree / ".venv.lock" / "pid").exists():
        time.sleep(0.02)
    start.terminate()
    start.communicate(timeout=60)
    assert start.returncode == 143 and not (here.tree / ".venv.lock").exists()


# --- what is handed on ---


def test_arguments_reach_python_untouched(ready: Workplace) -> None:
    words = ["generate", "a b", "it's", '"', "", "$HOME", "*", "--x=ü", "-P", "\\"]
    assert ready.start("cli", *words).arguments == ["-P", "-m", "ultimate_rvc.cli.main", *words]


def test_stdout_belongs_to_what_is_started(here: Workplace) -> None:
    assert here.start("cli").out.splitlines()[2].startswith("\x1f")


def test_python_takes_the_launchers_place(ready: Workplace) -> None:
    start = ready.begin("cli")
    out, _ = start.communicate(timeout=60)
    assert int(out.splitlines()[0]) == start.pid


def test_what_mps_lacks_falls_back_to_the_cpu(ready: Workplace) -> None:
    assert ready.start("cli").variables["PYTORCH_ENABLE_MPS_FALLBACK"] == "1"


def test_folders_are_the_trees_unless_they_are_set(ready: Workplace, tmp_path: Path) -> None:
    started = ready.start("cli", folder=tmp_path, URVC_AUDIO_DIR="/music")
    expected = {"MODELS": "models", "VOICE_MODELS": "voice_models", "TEMP": "temp", "LOGS": "logs", "CONFIG": "configs"}
    for name, folder in expected.items():
        assert started.variables[f"URVC_{name}_DIR"] == f"{ready.tree}/{folder}"
    assert started.variables["URVC_AUDIO_DIR"] == "/music"
    assert started.folder == str(tmp_path)


def test_tests_run_in_the_tree(ready: Workplace, tmp_path: Path) -> None:
    started = ready.start("test", "-k", "two words", folder=tmp_path)
    assert started.arguments == ["-m", "pytest", "-k", "two words"] and started.folder == str(ready.tree)


def test_it_can_be_called_through_a_link(ready: Workplace, tmp_path: Path) -> None:
    (tmp_path / "urvc").symlink_to(ready.script)
    assert ready.start("cli", script=tmp_path / "urvc").variables["URVC_MODELS_DIR"] == f"{ready.tree}/models"


@pytest.mark.parametrize("words", [(), ("--rounds", "5"), ("--help",)])
def test_benchmark_is_the_command_of_that_name(ready: Workplace, words: tuple[str, ...]) -> None:
    assert ready.start("benchmark", *words).arguments == ["-P", "-m", "ultimate_rvc.cli.main", "benchmark", *words]


def test_benchmarks_of_one_stage_are_started_by_name(ready: Workplace) -> None:
    (ready.tree / "benchmarks").mkdir()
    (ready.tree / "benchmarks" / "retrieval.py").write_text('if __name__ == "__main__": pass\n')
    (ready.tree / "benchmarks" / "helper.py").touch()
    assert ready.start("benchmark", "retrieval", "--size", "1 2").arguments == [
        "-m", "benchmarks.retrieval", "--size", "1 2",
    ]  # fmt: skip
    unknown = ready.start("benchmark", "speed")
    assert unknown.status == 1 and "there are: retrieval" in unknown.err


# --- words ---


def test_an_unknown_word_is_an_error_that_lists_the_words(here: Workplace) -> None:
    started = here.start("sing")
    assert started.status == 2 and started.err.count("\n") == 1
    assert all(word in started.err for word in ["sing", "run", "install", "cli", "test", "benchmark", "update", "help"])


def test_run_brings_what_the_page_needs_once_and_starts_it(here: Workplace) -> None:
    started = here.start("run", "--listen-port", "7999")
    assert started.arguments == ["-P", "-m", "ultimate_rvc.web.main", "--listen-port", "7999"]
    assert here.installs()[-1][-1] == f"{here.tree}[web]"
    before = len(here.installs())
    here.start("run")
    assert len(here.installs()) == before


@pytest.mark.parametrize("words", [(), ("help",), ("--help",), ("-h",)])
def test_help_needs_nothing(here: Workplace, words: tuple[str, ...]) -> None:
    started = here.start(*words)
    assert started.status == 0 and "usage" in started.out and here.calls() == []


def test_install_knows_its_options(here: Workplace) -> None:
    assert here.start("install", "--everything").status == 2


def test_an_update_needs_a_checkout(here: Workplace) -> None:
    started = here.start("update")
    assert started.status == 1 and "no git checkout" in started.err


def test_the_tests_of_the_readme_are_what_ci_runs() -> None:
    assert "exec ./urvc-macos.sh test\n" in (TREE / ".ci" / "run").read_text()
