"""The folder of a trained model: written beside its place, and put there whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from holdfast.core.errors import StoreUnavailable, UnsafePath

#: Folder of finished trials inside a model's folder, where a search is to be resumable.
TRIALS = "trials"

#: File that shows what folder is an output of a training.
MANIFEST = "manifest.json"

_LOCK = ".writing"
_YOUNG_S = 60.0


def check_folder(out: Path, *, resume: bool, overwrite: bool) -> None:
    """Refuse a folder that holds what is not ours to replace, before any work is done.

    Raises
    ------
    UnsafePath
        If it is a file, or holds an earlier output and `overwrite` is not said, or anything else.
    """
    where = f"--out {out}"
    above = next(each for each in (out, *out.parents) if each.exists() or each.is_symlink())
    if out.is_symlink() or not above.is_dir():
        raise UnsafePath(f"{str(above)!r} is no folder", where=where, expected="a new folder")
    if not out.is_dir():
        return
    inside = {each.name for each in out.iterdir()}
    own = _own(out)
    if own and not overwrite:
        raise UnsafePath("it holds a model already", where=where, expected="--overwrite, or another folder")
    foreign = sorted(inside - own - {TRIALS})
    if foreign:
        raise UnsafePath(
            f"it holds {foreign[0]!r}, which no training wrote", where=where, expected="a new or empty folder"
        )
    if not own and inside and not (resume or overwrite):
        raise UnsafePath(
            "it holds the trials of an earlier search",
            where=where,
            expected="--resume to carry on, or --overwrite to begin again",
        )


def _own(out: Path) -> set[str]:
    """Names of the files of an earlier output; none where there is no such."""
    from holdfast.data._manifest import files_of

    return files_of(out / MANIFEST)


@contextlib.contextmanager
def draft_of(out: Path, *, resume: bool) -> Iterator[tuple[Path, Path | None]]:
    """Folder to write a model into, and the one of its trials; `publish` puts it in its place.

    Whatever ends the work before that, nothing of the draft stays; the trials do, where they are to be resumed.

    Yields
    ------
    tuple
        The draft, beside `out`; the folder of trials inside `out`, None where no search is to be resumed.
    """
    out = out.resolve()
    made = _parents(out.parent) if out.exists() else [out, *_parents(out.parent)]
    draft = out.with_name(f".{out.name[:60]}.{secrets.token_hex(8)}")
    trials = out / TRIALS if resume else None
    try:
        _sweep(out)
        draft.mkdir()
        with (draft / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if trials is not None:
                trials.mkdir(parents=True, exist_ok=True)
            yield draft, trials
    except FileNotFoundError as error:
        if error.filename in (str(draft), str(draft / _LOCK)):
            raise StoreUnavailable("the folder cannot be made", where=f"--out {out}", expected="a folder") from error
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        # A search that kept nothing leaves nothing: only what was made here, and only where it is empty.
        for each in (*(() if trials is None else (trials,)), *made):
            with contextlib.suppress(OSError):
                each.rmdir()


def publish(draft: Path, out: Path, *, keep_trials: bool) -> None:
    """Put a whole draft in its place; an earlier output there goes, and its trials unless they are to be kept.

    Raises
    ------
    UnsafePath
        If something else came into the folder meanwhile.
    """
    out = out.resolve()
    (draft / _LOCK).unlink()
    _sync(draft)
    if not out.exists() or not any(out.iterdir()):
        draft.rename(out)
    else:
        check_folder(out, resume=True, overwrite=True)
        old = out.with_name(f".{out.name[:60]}.{secrets.token_hex(8)}")
        out.rename(old)
        try:
            if keep_trials and (old / TRIALS).is_dir():
                (old / TRIALS).rename(draft / TRIALS)
            draft.rename(out)
        except BaseException:
            if (draft / TRIALS).is_dir():
                (draft / TRIALS).rename(old / TRIALS)
            old.rename(out)
            raise
        shutil.rmtree(old, ignore_errors=True)
    _sync_one(out.parent)


def _parents(folder: Path) -> list[Path]:
    """Make a folder and those above it; the ones that were made, the innermost first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _sweep(out: Path) -> None:
    """Remove drafts that a killed process left: nobody holds their lock."""
    for each in out.parent.glob(f".{_escaped(out.name[:60])}.*"):
        lock = each / _LOCK
        try:
            # One that is younger may not have its lock yet.
            if time.time() - each.stat().st_mtime < _YOUNG_S:
                continue
            with lock.open("r+") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(each, ignore_errors=True)
        except OSError:
            continue


def _escaped(name: str) -> str:
    return "".join(f"[{each}]" if each in "*?[" else each for each in name)


def _sync(folder: Path) -> None:
    for each in (*(path for path in folder.rglob("*") if path.is_file()), folder):
        _sync_one(each)


def _sync_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
