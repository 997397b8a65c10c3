#!/usr/bin/env bash
# The figures: one JSON line each, to stdout and to .bench/figures.jsonl. A bench that fails prints why, and the next goes on.
# Usage: bench/run.sh [NAME ...]   (names of files in bench/, without .py; all when none is given)
set -uo pipefail
cd "$(dirname "$0")/.."
PYTHON="${PYTHON:-.venv/bin/python}"
LIMIT_S="${BENCH_LIMIT_S:-1200}"
FIGURES=".bench/figures.jsonl"
ALL=(start_up pipeline serving drift checks journal repair nab label_errors learned_checks automl)

mkdir -p .bench
: >"$FIGURES.new"
for name in "${@:-${ALL[@]}}"; do
    errors=".bench/$name.log"
    lines=".bench/$name.jsonl"
    if [[ ! -f "bench/$name.py" ]]; then
        status=127
        : >"$lines"
        echo "there is no bench/$name.py" >"$errors"
    else
        echo "bench: $name" >&2
        timeout --kill-after=10 "$LIMIT_S" "$PYTHON" "bench/$name.py" 2>"$errors" >"$lines" </dev/null
        status=$?
    fi
    # Only whole JSON lines are figures; whatever else a bench says stays in its log.
    "$PYTHON" - "$name" "$status" "$LIMIT_S" "$lines" "$errors" <<'END' | tee -a "$FIGURES.new"
import json
import sys
from pathlib import Path

name, status, limit, lines, errors = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), Path(sys.argv[5])
for line in lines.read_text().splitlines():
    try:
        figure = json.loads(line)
    except ValueError:
        continue
    print(json.dumps({"bench": name, **figure} if isinstance(figure, dict) else {"bench": name, "value": figure}))
if status:
    said = errors.read_text(errors="replace").strip().splitlines()
    reason = f"took longer than {limit} s" if status in (124, 137) else (said or [f"exit code {status}"])[-1]
    print(json.dumps({"bench": name, "failed": reason, "exit": status, "log": str(errors)}))
END
done
mv "$FIGURES.new" "$FIGURES"
