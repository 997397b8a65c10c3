from __future__ import annotations

import subprocess
import sys
import types

import pytest

from holdfast.engine._code import code_digest

BASE = """
import re, math, logging
from pathlib import Path
LIMIT = 3
TABLE = {"a": [1, 2]}
PATTERN = re.compile("x+")
WHERE = Path("data.csv")
LOG = logging.getLogger("x")
def helper(x):
    return inner(x) + LIMIT
def inner(x):
    return x * 2
def unused(x):
    return x
class Base:
    pass
class Tool(Base):
    scale = 2
    @property
    def double(self):
        return 2 * self.scale
    @staticmethod
    def fixed():
        return 5
    def use(self, x):
        return x * self.scale
def f(x, y=1):
    # a comment
    LOG.debug("x")
    return helper(x) + y + len(TABLE) + math.floor(Tool().use(x)) + len([each for each in PATTERN.findall(str(WHERE))])
"""


def _digest(source: str) -> str:
    module = types.ModuleType("made_up")
    exec(compile(source, "made_up.py", "exec"), module.__dict__)  # noqa: S102  # a module of the test's own
    return code_digest(module.f)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a comment", "# another comment\n\n"),
        ("def unused(x):\n    return x", "def unused(x):\n    return x + 1"),
        ('getLogger("x")', 'getLogger("y")'),
    ],
)
def test_a_change_that_cannot_matter_keeps_the_digest(old, new):
    assert _digest(BASE.replace(old, new)) == _digest(BASE)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("return helper(x) + y", "return helper(x) - y"),
        ("x * 2", "x * 3"),
        ("LIMIT = 3", "LIMIT = 4"),
        ("[1, 2]", "[1, 3]"),
        ("y=1", "y=2"),
        ('"x+"', '"y+"'),
        ("scale = 2", "scale = 3"),
        ("x * self.scale", "x + self.scale"),
        ('Path("data.csv")', 'Path("other.csv")'),
        ("for each in", "for other in"),
        ("2 * self.scale", "3 * self.scale"),
        ("return 5", "return 6"),
    ],
)
def test_a_change_in_what_the_function_uses_changes_the_digest(old, new):
    assert _digest(BASE.replace(old, new)) != _digest(BASE)


def test_functions_that_call_each_other_have_a_digest():
    source = "def f(n):\n    return g(n)\ndef g(n):\n    return f(n - 1) if n else 0\n"
    assert _digest(source) == _digest(source)
    assert _digest(source.replace("n - 1", "n - 2")) != _digest(source)


def test_sets_and_a_free_name_that_is_not_there_yet_have_a_digest():
    source = (
        "def make():\n    def f(x):\n        return x in {'a', 'b'} or late\n"
        "    kept = f\n    late = 1\n    del late\n    return kept\nf = make()\n"
    )
    assert _digest(source) == _digest(source)
    assert _digest(source.replace("'b'", "'c'")) != _digest(source)


def test_what_a_closure_holds_counts():
    source = "def make(k):\n    def f(x):\n        return x + k\n    return f\nf = make({})\n"
    assert _digest(source.replace("{}", "1")) != _digest(source.replace("{}", "2"))


def test_another_module_counts_by_name():
    source = "from textwrap import {} as g\ndef f(x):\n    return g(x)\n"
    assert _digest(source.replace("{}", "dedent")) != _digest(source.replace("{}", "shorten"))


def test_the_digest_is_the_same_in_another_process_with_another_hash_seed():
    words = (
        "import sys; sys.path.append({!r}); from engine_sample import summary\n"
        "from holdfast.engine._code import code_digest; print(code_digest(summary.function))"
    )
    import engine_sample

    folder = engine_sample.__file__.rpartition("/")[0]
    found = {
        subprocess.run(
            [sys.executable, "-c", words.format(folder)],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {code_digest(engine_sample.summary.function)}
