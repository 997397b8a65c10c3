"""Entry point: a table of names and one-line helps; a command's module is imported when it is called."""

from __future__ import annotations

import errno
import importlib
import io
import json
import os
import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import NoReturn

import click

from holdfast.core.errors import HoldfastError, StoreUnavailable

#: Name -> (module, one line of help). The function in the module is named as the command.
COMMANDS = {
    "anomalies": ("anomalies", "Score a time series, or the rows of a table: what does not belong."),
    "apply": ("loop", "Carry the plan out, verify it, let it out."),
    "approve": ("decide", "Say yes (or no) to a planned action."),
    "check": ("check", "Judge the data promises of a project, or of DATA by a contract; nothing is changed."),
    "check-promise": ("promises", "Print a promise in its canonical form."),
    "clean": ("clean", "Repair the cells of a table, with a trail; --undo takes it back."),
    "demo": ("demo", "The main job, end to end, on real data."),
    "export": ("take", "Write a model, its manifest and signature into a folder."),
    "history": ("ask", "What happened; with --at, what was in production then, and why."),
    "import-checks": ("import_checks", "Turn checks of another tool into promises."),
    "init": ("promises", "Make a project folder with a contract."),
    "journal": ("take", "Verify the journal's chain."),
    "label-errors": ("label_errors", "Find the labels that are probably wrong."),
    "plan": ("loop", "What would be done next, and why."),
    "predict": ("predict", "Answer the rows of a table with a trained model."),
    "profile": ("profile", "Propose checks from a table, each with its support."),
    "promise": ("promises", "Add a promise to the contract."),
    "rollback": ("decide", "Make an earlier champion the champion again."),
    "schema": ("promises", "Print the contract's JSON Schema, for editors."),
    "serve": ("serve", "Answer over HTTP (Open Inference Protocol v2), every prediction logged."),
    "status": ("ask", "Every promise with its verdict."),
    "train": ("train", "Train the best deployable model within a budget, under promises."),
    "up": ("loop", "Keep the promises: the loop, again and again."),
    "why": ("ask", "The evidence trail of a verdict, in plain words."),
}


#: What the machine says where a disk is full, or a folder is not ours: no bug, and nothing that typing mends.
_MACHINE = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EISDIR,
    errno.ENAMETOOLONG,
)


class _Unread(Exception):
    """The reader of the answer went away (a pager, `head`)."""


class Table(click.Group):
    """A group whose commands are imported when they are called; its help needs none of them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names of the commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"holdfast.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was typed; a mistyped one gets the nearest."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from holdfast.core.errors import one_of

            raise click.UsageError(f"No command {args[0]!r}. Expected {one_of(COMMANDS, args[0])}.", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; where the reader of its answer went away, click and rich would end with a 1."""
        try:
            answer: object = super().invoke(ctx)
        except (BrokenPipeError, SystemExit) as error:
            if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
                raise
            raise _Unread from error
        return answer

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's
        """Names and one-line helps, from the table."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name][1]) for name in sorted(COMMANDS)])


@click.command(cls=Table, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="holdfast", prog_name="holdfast")
def holdfast() -> None:
    """A model in production makes promises. Holdfast keeps them."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; exit codes: 0 held, 1 bug, 2 usage, 3 broken, 4 unproven, 5 changes planned, 6 waits."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    as_json = "--json" in given or "--format=json" in given or ("--format", "json") in pairwise(given)
    for each in (sys.stdout, sys.stderr):
        # A terminal that cannot write a character gets its code instead of an error.
        if isinstance(each, io.TextIOWrapper):
            each.reconfigure(errors="backslashreplace")
    try:
        code = holdfast.main(args=given, prog_name="holdfast", standalone_mode=False)
        sys.stdout.flush()
    except (click.exceptions.Abort, KeyboardInterrupt):
        sys.exit(130)
    except click.ClickException as error:
        if as_json:
            _tell_json("usage", error.format_message())
        error.show()
        sys.exit(2)
    except HoldfastError as error:
        _end(error, as_json=as_json)
    except (_Unread, BrokenPipeError):
        # Nothing is wrong with the answer; what is left of it goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(0)
    except Exception as error:
        if os.environ.get("HOLDFAST_TRACEBACK"):
            raise
        _end_unforeseen(error, given, as_json=as_json)
    sys.exit(code if isinstance(code, int) else 0)


def _end(error: HoldfastError, *, as_json: bool) -> NoReturn:
    if as_json:
        more = {"seq": error.seq} if hasattr(error, "seq") else {}
        _tell_json(error.code, error.message, where=error.where, expected=error.expected, **more)
    click.echo(str(error), err=True)
    click.echo(f"next: holdfast check --explain {error.code}", err=True)
    sys.exit(error.exit_code)


def _end_unforeseen(error: Exception, given: Sequence[str], *, as_json: bool) -> NoReturn:
    if isinstance(error, OSError) and error.errno in _MACHINE:
        place = str(error.filename) if error.filename else None
        right = "room on the disk, and the right to write"
        _end(StoreUnavailable(f"the machine refuses: {error.strerror}", where=place, expected=right), as_json=as_json)
    what = " ".join(f"{type(error).__name__}: {error}".split())
    if as_json:
        _tell_json("bug", what)
    click.echo(f"a bug in Holdfast: {what}", err=True)
    click.echo("next: HOLDFAST_TRACEBACK=1 holdfast " + " ".join(given), err=True)
    sys.exit(1)


def _tell_json(code: str, message: str, *, where: str | None = None, expected: str | None = None, **more: int) -> None:
    told = {"code": code, "message": message, "where": where, "expected": expected, **more}
    click.echo(json.dumps({"error": told}))


if __name__ == "__main__":
    main()
