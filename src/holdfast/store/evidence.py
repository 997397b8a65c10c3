"""The evidence book: every measurement that was recorded, signed."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from holdfast.core.digests import canonical_json, is_digest, iso, plain
from holdfast.core.errors import DigestMismatch, InvalidValue, NotFound
from holdfast.core.evidence import Evidence

if TYPE_CHECKING:
    from holdfast.store._store import Store


class EvidenceBook:
    """The evidence of a project: recorded once, signed, verified whenever it is read.

    Parameters
    ----------
    store
        The store: evidence goes to its journal, signed by its key.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def record(self, evidence: Evidence, *, model: str | None, promise_id: str | None = None) -> str:
        """Record a measurement as the event ``evidence.recorded``; the same one again changes nothing.

        Its key is ``evidence:<id>:<promise id>:<time>``: the same finding at another time is recorded anew, so that
        a promise can be seen to have been looked at.

        Parameters
        ----------
        evidence
            The measurement; one that failed is recorded too.
        model
            Name of the model that it concerns, None when there is none yet.
        promise_id
            Id of the promise that it was measured for.

        Returns
        -------
        str
            Id of the evidence.
        """
        moment = iso(evidence.time)
        payload = {
            "id": evidence.id,
            "evidence": plain(evidence),
            "promise": promise_id,
            "signature": self._store.keys.sign(_signed_bytes(evidence.id, promise_id, moment)),
        }
        key = f"evidence:{evidence.id}:{promise_id or ''}:{moment}"
        self._store.journal.append("evidence.recorded", payload, model=model, key=key)
        return evidence.id

    def get(self, evidence: str) -> Evidence:
        """Find the evidence with that id, as it was recorded last; signature and digest verified.

        Raises
        ------
        NotFound
            If there is none.
        SignatureInvalid
            If no trusted key signed it.
        DigestMismatch
            If it was tampered with.
        """
        found = self._store.state.get("evidence", evidence) if is_digest(evidence) else None
        if found is None:
            raise NotFound(f"no evidence {str(evidence)[:80]!r}", expected="the id of evidence that was recorded")
        return self._verified(found, evidence)

    def trail(self, promise_id: str, *, limit: int = 20, model: str | None = None) -> tuple[Evidence, ...]:
        """Evidence that was recorded for a promise, newest first; verified as by `get`.

        Parameters
        ----------
        promise_id
            Id of the promise.
        limit
            At most so much.
        model
            Name of the model, when it is known: then only its events are looked at.

        Raises
        ------
        InvalidValue
            If the limit is less than 1.
        SignatureInvalid, DigestMismatch
            If one of them was tampered with.
        """
        if limit < 1:
            raise InvalidValue(f"limit {limit}", expected="at least 1")
        events = self._store.journal.events(types=("evidence.recorded",), model=model, newest_first=True)
        payloads = (event.payload for event in events if event.payload["promise"] == promise_id)
        return tuple(self._verified(payload, payload["id"]) for payload in islice(payloads, limit))

    def _verified(self, payload: Mapping[str, Any], evidence: str) -> Evidence:
        from holdfast.store.codec import decode

        found, where = decode(Evidence, payload["evidence"]), f"evidence {evidence}"
        if found.id != evidence:
            raise DigestMismatch(f"it has digest {found.id}", where=where, expected="what was recorded")
        signed = _signed_bytes(evidence, payload["promise"], iso(found.time))
        self._store.keys.verify(signed, payload["signature"], where=where)
        return found


def _signed_bytes(evidence: str, promise_id: str | None, moment: str) -> bytes:
    """Make what is signed: the id covers everything but the time, so time and promise stand beside it."""
    return canonical_json({"evidence": evidence, "promise": promise_id, "time": moment})
