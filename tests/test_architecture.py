"""The house as a whole: floors, start-up, public names, file lengths, and what the source may not do."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

from holdfast.core import registry

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src"
MODULES = sorted((SOURCE / "holdfast").rglob("*.py"))
PACKAGES = [path for path in MODULES if path.name == "__init__.py"]
BIN = Path(sys.executable).parent
HEAVY = (
    "mlflow torch ray sklearn lightgbm optuna onnx onnxruntime scipy pandas pyarrow polars numpy pydantic sqlalchemy "
    "alembic deltalake obstore fastapi starlette uvicorn rich lark yaml cryptography orjson prometheus_client"
)
NEVER_IMPORTED = {"pickle", "cloudpickle", "joblib", "dill", "marshal", "shelve", "pandas", "pyarrow"}
NEVER_CALLED = {
    "eval",
    "exec",
    "yaml.load",
    "yaml.load_all",
    "yaml.unsafe_load",
    "yaml.full_load",
    "os.system",
    "os.popen",
}
NEVER_TRUE = {"shell", "trust_remote_code", "allow_pickle"}
MOST_STARTS = 12
ROUNDS = 7
HELP = """
import sys
sys.argv = ["holdfast", "--help"]
from holdfast.cli.main import main
try:
    main()
except SystemExit:
    pass
"""
REPORT = """
import json, sys
sys.stderr.write(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def _name(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def _dotted(path: Path) -> str:
    return ".".join(part for part in path.relative_to(SOURCE).with_suffix("").parts if part != "__init__")


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _needs_cli() -> None:
    if importlib.util.find_spec("holdfast.cli.main") is None:
        pytest.skip("holdfast.cli.main is not there yet")


def _touched(code: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", code + REPORT],
        capture_output=True,
        text=True,
        check=True,
        stdin=subprocess.DEVNULL,
        cwd=ROOT,
    )
    return sorted(set(json.loads(done.stderr)) & set(HEAVY.split()))


def _cpu_s(command: list[str]) -> float:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return usage.ru_utime + usage.ru_stime


def test_each_floor_imports_only_from_below() -> None:
    done = subprocess.run([str(BIN / "lint-imports")], capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


def test_importing_holdfast_touches_nothing_heavy() -> None:
    assert _touched("import holdfast") == []


def test_the_help_touches_nothing_heavy() -> None:
    _needs_cli()
    assert _touched(HELP) == []


def test_the_nouns_touch_nothing_heavy() -> None:
    assert _touched("from holdfast.core import contract, events, evidence, models, promises, registry, views") == []


def test_the_help_costs_at_most_twelve_bare_starts() -> None:
    _needs_cli()
    bare, asked = [sys.executable, "-c", "pass"], [str(BIN / "holdfast"), "--help"]
    _cpu_s(asked)
    # By turns, so that whatever else runs falls on both sides.
    pairs = [(_cpu_s(bare), _cpu_s(asked)) for _ in range(ROUNDS)]
    ratio = statistics.median(cost for _, cost in pairs) / statistics.median(cost for cost, _ in pairs)
    assert ratio <= MOST_STARTS


@pytest.mark.parametrize("path", PACKAGES, ids=_name)
def test_a_package_offers_what_it_says_and_says_what_it_offers(path: Path) -> None:
    package = importlib.import_module(_dotted(path))
    offered = list(getattr(package, "__all__", []))
    assert len(set(offered)) == len(offered)
    assert [name for name in offered if not hasattr(package, name)] == []
    assert sorted(_public(_tree(path)) - set(offered)) == []


def _public(tree: ast.Module) -> set[str]:
    """Names that an `__init__` takes from the house or defines, outside of functions."""
    found: set[str] = set()
    for node in [each for top in tree.body for each in ([top, *top.body] if isinstance(top, ast.If) else [top])]:
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "holdfast":
            found |= {each.asname or each.name for each in node.names}
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
    return {name for name in found if not name.startswith("_")}


def test_the_public_names_are_sorted() -> None:
    files = [str(path) for path in PACKAGES]
    command = [str(BIN / "ruff"), "check", "--select", "RUF022", "--output-format", "concise", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", PACKAGES, ids=_name)
def test_a_package_has_a_docstring(path: Path) -> None:
    assert ast.get_docstring(_tree(path))


def test_no_file_is_longer_than_six_hundred_lines() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "file_lengths.py")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    sys.stdout.write(done.stderr)


def test_every_measure_names_a_source_and_says_what_it_is() -> None:
    silent = [
        spec.name
        for spec in registry.every("measure")
        if len(spec.source) < 5 or not (spec.compute.__doc__ or "").strip()
    ]
    assert silent == []


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_does_nothing_that_runs_foreign_code(path: Path) -> None:
    assert _forbidden(_tree(path)) == []


def _forbidden(tree: ast.Module) -> list[str]:
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [f"line {node.lineno}: import {each.name}" for each in node.names if _banned(each.name)]
        elif isinstance(node, ast.ImportFrom) and _banned(node.module or ""):
            found.append(f"line {node.lineno}: from {node.module} import ...")
        elif isinstance(node, ast.Call):
            found += _forbidden_call(node)
    return found


def _banned(module: str) -> bool:
    return module.partition(".")[0] in NEVER_IMPORTED


def _forbidden_call(node: ast.Call) -> list[str]:
    called = ast.unparse(node.func)
    found = [f"line {node.lineno}: {called}(...)"] if called in NEVER_CALLED else []
    for keyword in node.keywords:
        off = isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        if keyword.arg in NEVER_TRUE and not off:
            found.append(f"line {node.lineno}: {called}({keyword.arg}=...)")
    return found


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from joblib import load",
        "import pandas as pd",
        "def f():\n    import cloudpickle",
        "eval('1')",
        "yaml.load(text)",
        "subprocess.run('ls', shell=True)",
        "model(trust_remote_code=yes)",
        "np.load(path, allow_pickle=True)",
    ],
)
def test_what_runs_foreign_code_is_seen(code: str) -> None:
    assert len(_forbidden(ast.parse(code))) == 1


def test_what_runs_no_foreign_code_is_left_alone() -> None:
    code = "import json\nyaml.safe_load(text)\nnp.load(path, allow_pickle=False)\nmodel.eval()\nsession.exec(query)"
    assert _forbidden(ast.parse(code)) == []
