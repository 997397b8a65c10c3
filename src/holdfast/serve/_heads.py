"""Headers of a request: whom it is addressed to, where it comes from, and what its body is."""

from __future__ import annotations

from holdfast.core.errors import InvalidRequest, NotAllowed, PayloadTooLarge
from holdfast.serve._reply import Misdirected, WrongType
from holdfast.serve._settings import ServerSettings

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_JSON = (b"application/json",)
_BINARY = (b"application/octet-stream",)
Headers = list[tuple[bytes, bytes]]


class Head:
    """What the headers say that matters here."""

    __slots__ = ("binary_length", "encoding", "host", "key", "length", "origin", "site", "type")

    def __init__(self) -> None:
        self.host: bytes | None = None
        self.type: bytes | None = None
        self.length: bytes | None = None
        self.key: bytes | None = None
        self.origin: bytes | None = None
        self.site: bytes | None = None
        self.encoding: bytes | None = None
        self.binary_length: bytes | None = None

    def check_json(self) -> None:
        """Check that the body is JSON (with binary tensors behind it, when the request says so).

        Raises
        ------
        WrongType
            If it is not, or is compressed.
        """
        if self.encoding is not None and self.encoding.strip().lower() != b"identity":
            raise WrongType(f"content encoding {_show(self.encoding)}", where="Content-Encoding", expected="none")
        given = self.type
        if given is None or given in _JSON:
            return
        main = given.partition(b";")[0].strip().lower()
        if main in _JSON or (self.binary_length is not None and main in _BINARY):
            return
        raise WrongType(f"content type {_show(given)}", where="Content-Type", expected="application/json")


_FIELDS = {
    b"host": "host",
    b"content-type": "type",
    b"content-length": "length",
    b"x-holdfast-key": "key",
    b"origin": "origin",
    b"sec-fetch-site": "site",
    b"content-encoding": "encoding",
    b"inference-header-content-length": "binary_length",
}


class Gate:
    """Who may ask: the Host allow-list (against DNS rebinding), and no foreign page's requests.

    Parameters
    ----------
    settings
        The server's.
    port
        Port that it is reached at.
    """

    def __init__(self, settings: ServerSettings, port: int) -> None:
        names = [*_LOOPBACK, settings.host.lower(), *(each.lower() for each in settings.allowed_hosts)]
        self._any = "*" in settings.allowed_hosts
        self._hosts = {name.encode() for each in names for name in (each, f"{each}:{port}")}
        if settings.behind_proxy:
            # The proxy may be reached at another port; what it may be called is still told by name.
            self._hosts |= {each.encode() for each in settings.allowed_hosts}
        self._origins = {scheme + host for host in self._hosts for scheme in (b"http://", b"https://")}
        self._last: tuple[bytes, list[tuple[bytes, bytes]], Head] = (b"", [], Head())
        self.max_body = settings.max_body_bytes

    def head(self, method: bytes, headers: Headers) -> Head:
        """Read the headers and check them.

        Parameters
        ----------
        method
            Method of the request.
        headers
            Names in lower case, and values.

        Raises
        ------
        Misdirected
            If the Host header does not name this server.
        NotAllowed
            If a foreign page's script sends a request that changes something.
        PayloadTooLarge
            If the body is announced as larger than the server takes.
        InvalidRequest
            If Host stands twice.
        """
        if headers == self._last[1] and method == self._last[0]:
            return self._last[2]
        head = Head()
        for name, value in headers:
            field = _FIELDS.get(name)
            if field is not None:
                if field == "host" and head.host is not None:
                    raise InvalidRequest("two Host headers", where="Host", expected="one")
                setattr(head, field, value)
        if head.host not in self._hosts and not (self._any and head.host):
            self._check_host(head.host)
        if head.length is not None and (
            not head.length.isdigit() or len(head.length) > 18 or int(head.length) > self.max_body
        ):
            raise self.too_large(head.length)
        if method not in (b"GET", b"HEAD") and (head.origin is not None or head.site is not None):
            self._check_origin(head)
        # Clients send the same headers again and again; what is kept is only read.
        self._last = method, list(headers), head
        return head

    def _check_host(self, host: bytes | None) -> None:
        if host is None or host.lower() not in self._hosts:
            shown = "no Host" if host is None else f"Host {_show(host)}"
            raise Misdirected(
                shown, where="Host", expected="the address of this server, or a name it was told to allow"
            )

    def _check_origin(self, head: Head) -> None:
        if head.origin is not None and not self._any and head.origin.lower() not in self._origins:
            raise NotAllowed(
                f"a request from {_show(head.origin)}", where="Origin", expected="this server's own origin"
            )
        if head.site is not None and head.site not in (b"same-origin", b"none"):
            raise NotAllowed(f"a {_show(head.site)} request", where="Sec-Fetch-Site", expected="same-origin")

    def too_large(self, length: bytes | int) -> PayloadTooLarge:
        """Error for a body of that length."""
        shown = length.decode("latin-1")[:24] if isinstance(length, bytes) else str(length)
        return PayloadTooLarge(f"a body of {shown} bytes", where="body", expected=f"at most {self.max_body} bytes")


def _show(value: bytes) -> str:
    return repr(value.decode("latin-1")[:80])
