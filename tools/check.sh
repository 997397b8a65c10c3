#!/usr/bin/env bash
# What every change must pass, in the order of what is fastest to fail. Stops at the first failure and says which.
set -uo pipefail
cd "$(dirname "$0")/.."
BIN="${BIN:-.venv/bin}"

step() {
    local name="$1" started="$SECONDS"
    shift
    if ! "$@"; then
        printf '\ncheck: %s failed. Run again alone: %s\n' "$name" "$*" >&2
        exit 1
    fi
    printf 'check: %-14s ok (%d s)\n' "$name" "$((SECONDS - started))"
}

step "format" "$BIN/ruff" format --check --output-format concise .
step "lint" "$BIN/ruff" check --quiet --output-format concise .
step "file lengths" "$BIN/python" tools/file_lengths.py
# Tests misspell on purpose; MAPE is an error, and OT optimal transport.
step "spelling" "$BIN/codespell" --ignore-words-list mape,ot,nd,thur,categor,notin src docs tools bench changelog.d README.md
step "floors" "$BIN/lint-imports"
step "types" "$BIN/mypy"
echo "check: all held"
