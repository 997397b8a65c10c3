"""Entry point: a table of names and one-line helps; a command's module is imported when it is called."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

import click

from holdfast.core.errors import HoldfastError

#: Name -> (module, one line of help). The function in the module is named as the command.
COMMANDS = {
    "apply": ("loop", "Carry the plan out, verify it, let it out."),
    "approve": ("decide", "Say yes (or no) to a planned action."),
    "check": ("data", "Judge the data promises; nothing is changed."),
    "check-promise": ("promises", "Print a promise in its canonical form."),
    "demo": ("demo", "The main job, end to end, on real data."),
    "export": ("take", "Write a model, its manifest and signature into a folder."),
    "history": ("ask", "What happened; with --at, what was in production then, and why."),
    "init": ("promises", "Make a project folder with a contract."),
    "journal": ("take", "Verify the journal's chain."),
    "plan": ("loop", "What would be done next, and why."),
    "promise": ("promises", "Add a promise to the contract."),
    "rollback": ("decide", "Make an earlier champion the champion again."),
    "schema": ("promises", "Print the contract's JSON Schema, for editors."),
    "serve": ("serve", "Answer over HTTP (Open Inference Protocol v2), every prediction logged."),
    "status": ("ask", "Every promise with its verdict."),
    "up": ("loop", "Keep the promises: the loop, again and again."),
    "why": ("ask", "The evidence trail of a verdict, in plain words."),
}


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
    try:
        code = holdfast.main(args=given, prog_name="holdfast", standalone_mode=False)
    except click.exceptions.Abort:
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except HoldfastError as error:
        sys.exit(_tell(error, as_json="--json" in given))
    except BrokenPipeError:
        # The reader went away (a pager, `head`): nothing is wrong with the answer.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if os.environ.get("HOLDFAST_TRACEBACK"):
            raise
        click.echo(f"a bug in Holdfast: {type(error).__name__}: {error}", err=True)
        click.echo("next: HOLDFAST_TRACEBACK=1 holdfast " + " ".join(given), err=True)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _tell(error: HoldfastError, *, as_json: bool) -> int:
    told: dict[str, Any] = {
        "code": error.code,
        "message": error.message,
        "where": error.where,
        "expected": error.expected,
    }
    for name in ("seq",):
        if hasattr(error, name):
            told[name] = getattr(error, name)
    if as_json:
        click.echo(json.dumps({"error": told}))
    click.echo(str(error), err=True)
    click.echo(f"next: holdfast check --explain {error.code}", err=True)
    return error.exit_code


if __name__ == "__main__":
    main()
