"""MLflow as Holdfast uses it: connected to once, and only by what is stable there. Everything is found or made."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from holdfast.core.digests import digest_bytes
from holdfast.core.errors import MissingExtra, StoreUnavailable
from holdfast.store._mirror_names import key_name, shortened

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from holdfast.store._store import Store

#: Tags that every mirrored thing carries: what it is in Holdfast, and the event that made it.
ID = "holdfast.id"
KEY = "holdfast.key"

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_SETUP_S = 300.0
_MOST_METRICS, _MOST_TAGS = 900, 90


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970, as MLflow writes times."""
    return int(moment.timestamp() * 1000)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the warnings of MLflow and what it stands on to itself: they are about its own code, not about ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


#: What MLflow's pages open an experiment with: its runs, not its traces.
KIND = {"mlflow.experimentKind": "custom_model_development"}


class Tracking:
    """An MLflow tracking server or database, connected to when it is first used.

    Parameters
    ----------
    store
        The store whose leases let one process at a time set the database up.
    url
        Tracking URI: ``sqlite:///FILE``, ``postgresql://...``, ``http://...``.
    """

    def __init__(self, store: Store, url: str) -> None:
        self._store = store
        self._url = url
        self._client: MlflowClient | None = None
        self._experiments: dict[str, str] = {}
        self._runs: dict[str, str] = {}
        self._metrics: dict[str, list[Any]] = {}
        self._tags: dict[str, dict[str, str]] = {}

    @property
    def shown(self) -> str:
        """The URI without user, password and query."""
        parts = urlsplit(self._url)
        return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"

    @property
    def client(self) -> MlflowClient:
        """MLflow's client.

        Raises
        ------
        MissingExtra
            If MLflow is not installed.
        StoreUnavailable
            If the server does not answer.
        LeaseHeld
            If another process is setting the database up.
        """
        if self._client is None:
            self._client = self._connect()
        return self._client

    def forget(self) -> None:
        """Drop what was gathered and looked up: it may not be so any more."""
        for gathered in (self._experiments, self._runs, self._metrics, self._tags):
            gathered.clear()

    def experiment(self, name: str) -> str:
        """Id of the experiment of that name; made, or restored, where there is none."""
        if name not in self._experiments:
            found = self.client.get_experiment_by_name(name)
            if found is None:
                with _unless_exists():
                    self.client.create_experiment(name, artifact_location=self._artifacts(name), tags=dict(KIND))
                found = self.client.get_experiment_by_name(name)
            if found is None:
                raise StoreUnavailable(f"experiment {name!r} could not be made", where=self.shown)
            if found.lifecycle_stage == "deleted":
                self.client.restore_experiment(found.experiment_id)
            self._experiments[name] = str(found.experiment_id)
        return self._experiments[name]

    def run(
        self, experiment: str, run: str, *, name: str, began: datetime, tags: Mapping[str, str], ended: bool = False
    ) -> str:
        """MLflow's id of the run that stands for `run`; made where there is none, and ended at once if so asked."""
        if run not in self._runs:
            place = self.experiment(experiment)
            found = self.client.search_runs([place], f"tags.`{ID}` = '{_quotable(run)}'", max_results=1)
            made = found[0] if found else None
            if made is None:
                every = {ID: _quotable(run), **{key: shortened(value) for key, value in tags.items()}}
                made = self.client.create_run(place, start_time=milliseconds(began), tags=every, run_name=name[:250])
                if ended:
                    self.client.set_terminated(made.info.run_id, "FINISHED", milliseconds(began))
            self._runs[run] = str(made.info.run_id)
        return self._runs[run]

    def log(
        self,
        run: str,
        *,
        metrics: Mapping[str, float],
        tags: Mapping[str, Any],
        at: datetime,
        step: int,
        model: str | None,
    ) -> None:
        """Gather metrics and tags for one of MLflow's runs; `flush` sends them."""
        from mlflow.entities import Metric

        stamp = milliseconds(at)
        made = [Metric(key_name(name), value, stamp, step, model_id=model) for name, value in metrics.items()]
        self._metrics.setdefault(run, []).extend(made)
        self._tags.setdefault(run, {}).update({key_name(name): shortened(value) for name, value in tags.items()})

    def flush(self) -> None:
        """Send what was gathered; MLflow keeps one of several equal metrics, so sending again is harmless."""
        from mlflow.entities import RunTag

        for run in list(self._tags):
            metrics = self._metrics.get(run, [])
            tags = [RunTag(name, value) for name, value in self._tags[run].items()]
            for start in range(0, len(metrics), _MOST_METRICS):
                self.client.log_batch(run, metrics=metrics[start : start + _MOST_METRICS], synchronous=True)
            for start in range(0, len(tags), _MOST_TAGS):
                self.client.log_batch(run, tags=tags[start : start + _MOST_TAGS], synchronous=True)
            del self._tags[run]
            self._metrics.pop(run, None)

    def registered(self, name: str) -> Any | None:
        """The registered model of that name, or None."""
        from mlflow.exceptions import MlflowException

        try:
            return self.client.get_registered_model(name)
        except MlflowException as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return None
            raise

    def register(self, name: str, *, tags: Mapping[str, str]) -> None:
        """Make the registered model of that name where there is none."""
        if self.registered(name) is None:
            with _unless_exists():
                self.client.create_registered_model(name, tags={**tags, ID: name})

    def version(self, name: str, model: str) -> str | None:
        """Number of the registered model's version that stands for a model version, or None."""
        found = self.client.search_model_versions(
            f"name = '{name}' and tags.`{ID}` = '{_quotable(model)}'", max_results=1
        )
        return str(found[0].version) if found else None

    def logged(self, experiment: str, model: str) -> Any | None:
        """The logged model that stands for a model version, or None."""
        place = [self.experiment(experiment)]
        found = self.client.search_logged_models(place, f"tags.`{ID}` = '{_quotable(model)}'", max_results=1)
        return found[0] if found else None

    def _artifacts(self, name: str) -> str | None:
        # A database has no artifact root of its own: MLflow would take ./mlruns of wherever the process stands.
        if urlsplit(self._url).scheme.split("+")[0] not in _DATABASES:
            return None
        return (self._store.root / "mlflow" / digest_bytes(name.encode())[:16]).as_uri()

    def _connect(self) -> MlflowClient:
        # Before its import: nothing that MLflow loads may run code, and it tells nobody that it is used.
        os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
        try:
            import mlflow
        except ImportError as error:
            message = "MLflow is not installed"
            raise MissingExtra(message, where=self.shown, expected="pip install 'holdfast[mlflow]'") from error
        logging.getLogger(mlflow.__name__).setLevel(logging.WARNING)
        scheme = urlsplit(self._url).scheme.split("+")[0]
        if scheme in ("http", "https"):
            self._knock()
            return self._open()
        if scheme not in _DATABASES:
            raise StoreUnavailable(
                f"no MLflow at {self.shown}", expected="sqlite:///FILE, postgresql://... or http://..."
            )
        # Two processes that make or upgrade one database at once break it.
        holder = f"{os.getpid()}-{secrets.token_hex(4)}"
        name = f"mlflow:{digest_bytes(self._url.encode())[:16]}"
        with self._store.leases.acquire(name, holder=holder, ttl_s=_SETUP_S):
            return self._set_up(scheme)

    def _set_up(self, scheme: str) -> MlflowClient:
        from mlflow.exceptions import MlflowException

        file = Path(self._url.partition(":///")[2]) if scheme == "sqlite" else None
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._open()
        except MlflowException as error:
            if file is None or "out-of-date database schema" not in str(error):
                raise
        # An older MLflow wrote it: a copy first, since its migrations are no transactions.
        from mlflow.db import commands

        shutil.copy2(file, file.with_name(f"{file.name}.before-upgrade"))
        commands.main(["upgrade", self._url], standalone_mode=False)
        return self._open()

    def _open(self) -> MlflowClient:
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=self._url, registry_uri=self._url)
        client.search_experiments(max_results=1)
        return client

    def _knock(self) -> None:
        """Ask a server whether it is there, so that one that is down costs a second and not minutes of retries."""
        import http.client

        parts = urlsplit(self._url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(parts.hostname or "", parts.port, timeout=5)
        try:
            connection.request("GET", f"{parts.path.rstrip('/')}/health")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            raise StoreUnavailable(f"MLflow does not answer: {error}", where=self.shown) from error
        finally:
            connection.close()


@contextmanager
def _unless_exists() -> Iterator[None]:
    """Let another process be the one that made it."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _quotable(text: str) -> str:
    """The text as it can stand between quotes in a search; what cannot is known by its digest."""
    return text if text.replace(":", "").replace("-", "").isalnum() else digest_bytes(text.encode())
