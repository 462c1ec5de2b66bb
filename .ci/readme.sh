# What .ci/run and .ci/every-python share: the README's commands, the Pythons and the ComfyUIs at hand.

step() { printf '== [%4d s] %s\n' "$SECONDS" "$1"; }

readme_command() { # the shell block that follows the marker "command: NAME"
  awk -v marker="<!-- command: $1 -->" '$0 == marker {found = 1; next}
    found && /^```sh/ {inside = 1; next} inside && /^```/ {exit} inside' README.md
}

supported_pythons() { # those that pyproject.toml names
  sed -n 's/.*"Programming Language :: Python :: \(3\.[0-9]*\)".*/\1/p' pyproject.toml
}

interpreter() { # the path of a working Python of that version; fails where there is none
  "python$1" -c 'import sys; print(sys.executable)' 2>/dev/null && return
  local python
  for python in "${PYENV_ROOT:-$HOME/.pyenv}/versions/$1".*/bin/python; do
    if [ -x "$python" ]; then
      printf '%s\n' "$python"
      return
    fi
  done
  return 1
}

with_python() { # PYTHON COMMAND...: runs a command to which python3 is that interpreter
  local python=$1 folder
  shift
  folder=$(mktemp -d)
  printf '#!/bin/sh\nexec "%s" "$@"\n' "$python" >"$folder/python3"
  chmod +x "$folder/python3"
  (PATH="$folder:$PATH" && "$@")
  rm -r "$folder"
}

pinned() { # COMMAND...: with a torch that saves gigabytes, where python3 is the Python it is there for
  if python3 -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))'; then
    (export PIP_CONSTRAINT="$PWD/.ci/constraints.txt" && "$@")
  else
    "$@"
  fi
}

make_video() { # PYTHON: the README's video command with it, looked at, and cleared away
  with_python "$1" pinned eval "$(readme_command video)"
  .venv/bin/python .ci/probe.py talking.mp4 keyface_lib/small/speech.flac
  rm -rf .venv talking.mp4
}

comfyui_places() { # the ComfyUIs at hand, oldest first, separated by colons
  if [ -n "${COMFYUI_PATH:-}" ]; then
    printf '%s' "$COMFYUI_PATH"
    return
  fi
  local place found=""
  for place in "$HOME/comfy/ComfyUI" "$HOME/comfy-new/ComfyUI"; do
    if [ -f "$place/main.py" ]; then found="${found:+$found:}$place"; fi
  done
  printf '%s' "$found"
}

knows_dynamic_memory() { # PLACE: whether this ComfyUI has it
  [ -f "$1/comfy/memory_management.py" ]
}
