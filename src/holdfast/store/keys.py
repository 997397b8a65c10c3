"""Keys: the Ed25519 key that signs manifests and evidence, and the public keys that are trusted."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from holdfast.core.digests import digest_bytes, is_digest
from holdfast.core.errors import InvalidValue, NotFound, SignatureInvalid, StoreError, StoreUnavailable
from holdfast.store._files import sync_folder, write_atomic, write_new

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_PREFIX = "ed25519:"
_PRIVATE = "signing.key"
_PUBLIC = "public.key"
_TRUSTED = "trusted"


class Keys:
    """The signing key of a project, and the public keys whose signatures it takes.

    The private key is made on first use, as a file that only its owner reads (mode 0600). Two processes that make it
    at once get the same key: it is written whole under another name, then linked into place, which only one can do.

    Parameters
    ----------
    folder
        Folder of the keys: ``signing.key`` (PKCS #8 PEM), ``public.key`` and ``trusted/<fingerprint>.key``.

    References
    ----------
    RFC 8032 (2017), "Edwards-Curve Digital Signature Algorithm (EdDSA)".
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self._private: Ed25519PrivateKey | None = None
        self._public = ""

    @property
    def public_text(self) -> str:
        """The public key as one line of text, ``ed25519:<base64>``; the pair is made when there is none."""
        if not self._public:
            self._public = _text(self._key().public_key())
        return self._public

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the public key's 32 bytes: the key's id in manifests."""
        return fingerprint(self.public_text)

    def sign(self, data: bytes) -> str:
        """Signature of bytes, in base64; the same key and bytes always give the same signature."""
        return base64.b64encode(self._key().sign(data)).decode("ascii")

    def verify(self, data: bytes, signature: str, *, where: str | None = None) -> None:
        """Check that one of the trusted keys (this project's own among them) made a signature.

        Raises
        ------
        SignatureInvalid
            If none did, or the signature is not base64 of 64 bytes.
        """
        if not any(signed_by(text, data, signature) for text in self.trusted()):
            raise SignatureInvalid(
                "the signature was not made over this by any trusted key",
                where=where,
                expected=f"a signature by one of {len(self.trusted())} trusted keys in {self.folder}",
            )

    def trust(self, public_text: str) -> str:
        """Take another project's signatures from now on.

        Returns
        -------
        str
            The fingerprint of the key.

        Raises
        ------
        InvalidValue
            If the text is no Ed25519 public key.
        """
        text = public_text.strip()
        name = fingerprint(text)
        folder = self.folder / _TRUSTED
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(folder / f"{name}.key", f"{text}\n".encode("ascii"))
        except OSError as error:
            raise StoreUnavailable(f"the key cannot be kept: {error.strerror}", where=str(folder)) from error
        return name

    def distrust(self, key: str) -> None:
        """Take a key's signatures no longer; `key` is its fingerprint.

        Raises
        ------
        NotFound
            If no such key is trusted.
        """
        path = self.folder / _TRUSTED / f"{key}.key"
        if not is_digest(key) or not path.exists():
            raise NotFound(f"no trusted key {key!r}", where=str(self.folder / _TRUSTED), expected="a fingerprint")
        path.unlink()

    def trusted(self) -> tuple[str, ...]:
        """Texts of all trusted public keys, this project's own first.

        Raises
        ------
        StoreError
            If a file among the trusted keys does not hold the key that its name says.
        """
        others = []
        for path in sorted((self.folder / _TRUSTED).glob("*.key")):
            text = path.read_text("utf-8", errors="replace").strip()
            if _fingerprint_or_none(text) != path.stem:
                raise StoreError("a trusted key is not what its name says", where=str(path), expected="trust it anew")
            others.append(text)
        return (self.public_text, *others)

    def _key(self) -> Ed25519PrivateKey:
        if self._private is None:
            path = self.folder / _PRIVATE
            if not path.exists():
                self._create(path)
            self._private = _load(path)
        return self._private

    def _create(self, path: Path) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
        from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_new(draft, pem, mode=0o600)
            try:
                # A link is made whole or not at all, and fails where another process was first: then that key is ours.
                path.hardlink_to(draft)
            except FileExistsError:
                return
            finally:
                draft.unlink()
            sync_folder(self.folder)
            write_atomic(self.folder / _PUBLIC, f"{_text(key.public_key())}\n".encode("ascii"))
        except OSError as error:
            raise StoreUnavailable(f"the signing key cannot be made: {error.strerror}", where=str(path)) from error


def fingerprint(public_text: str) -> str:
    """SHA-256 of the 32 bytes of a public key.

    Raises
    ------
    InvalidValue
        If the text is no Ed25519 public key.
    """
    return digest_bytes(_raw(public_text))


def signed_by(public_text: str, data: bytes, signature: str) -> bool:
    """Whether the owner of a public key signed these bytes; a malformed signature is no signature.

    Raises
    ------
    InvalidValue
        If the text is no Ed25519 public key.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    public = Ed25519PublicKey.from_public_bytes(_raw(public_text))
    try:
        public.verify(base64.b64decode(signature.encode("ascii"), validate=True), data)
    except (InvalidSignature, binascii.Error, UnicodeEncodeError):
        return False
    return True


def _load(path: Path) -> Ed25519PrivateKey:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    mode = stat.S_IMODE(path.stat().st_mode)
    if os.name == "posix" and mode & 0o077:
        raise StoreError(
            f"the signing key has mode {mode:04o}: others can read it", where=str(path), expected="chmod 600"
        )
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise StoreUnavailable(f"the signing key cannot be read: {error.strerror}", where=str(path)) from error
    except (ValueError, TypeError) as error:
        raise StoreError(
            "the signing key cannot be read", where=str(path), expected="an Ed25519 key, PKCS #8 PEM"
        ) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise StoreError(f"the signing key is a {type(key).__name__}", where=str(path), expected="an Ed25519 key")
    return key


def _text(public: Ed25519PublicKey) -> str:
    return _PREFIX + base64.b64encode(public.public_bytes_raw()).decode("ascii")


def _raw(public_text: str) -> bytes:
    text = public_text.strip()
    try:
        raw = base64.b64decode(text.removeprefix(_PREFIX).encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    if not text.startswith(_PREFIX) or len(raw) != 32:
        raise InvalidValue(f"{text[:80]!r} is no public key", expected="ed25519:<base64 of 32 bytes>")
    return raw


def _fingerprint_or_none(text: str) -> str | None:
    try:
        return fingerprint(text)
    except InvalidValue:
        return None
