"""Keys: made once, read by their owner only, and never fooled by a signature."""

from __future__ import annotations

import multiprocessing
import stat
from pathlib import Path

import pytest

from holdfast.core.errors import InvalidValue, NotFound, SignatureInvalid, StoreError, StoreUnavailable
from holdfast.store.keys import Keys, fingerprint, signed_by


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys")


def public_text_of(folder: Path) -> str:
    return Keys(folder).public_text


def test_what_a_key_signed_verifies(keys: Keys) -> None:
    keys.verify(b"manifest", keys.sign(b"manifest"))


def test_the_same_bytes_have_one_signature(keys: Keys) -> None:
    assert keys.sign(b"manifest") == Keys(keys.folder).sign(b"manifest")


@pytest.mark.parametrize("signature", ["", "not base64!", "é", "AAAA", "A" * 88])
def test_what_is_no_signature_is_refused(keys: Keys, signature: str) -> None:
    with pytest.raises(SignatureInvalid, match="not made over this by any trusted key"):
        keys.verify(b"manifest", signature, where="model 1")


def test_other_bytes_are_refused(keys: Keys) -> None:
    with pytest.raises(SignatureInvalid, match="model 1"):
        keys.verify(b"manifest!", keys.sign(b"manifest"), where="model 1")


def test_nothing_is_written_before_first_use(keys: Keys) -> None:
    assert not keys.folder.exists()


def test_only_the_owner_can_read_the_signing_key(keys: Keys) -> None:
    keys.sign(b"")
    assert stat.S_IMODE((keys.folder / "signing.key").stat().st_mode) == 0o600


def test_no_draft_is_left_behind(keys: Keys) -> None:
    keys.sign(b"")
    assert sorted(path.name for path in keys.folder.iterdir()) == ["public.key", "signing.key"]


def test_a_signing_key_that_others_can_read_is_refused(keys: Keys) -> None:
    keys.sign(b"")
    (keys.folder / "signing.key").chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        Keys(keys.folder).sign(b"")


@pytest.mark.parametrize(
    "content", [b"", b"garbage", b"-----BEGIN %s KEY-----\nAAAA\n-----END %s KEY-----\n" % (b"PRIVATE", b"PRIVATE")]
)
def test_a_damaged_signing_key_is_not_replaced_by_a_new_one(keys: Keys, content: bytes) -> None:
    keys.sign(b"")
    (keys.folder / "signing.key").write_bytes(content)
    with pytest.raises(StoreError, match="Expected an Ed25519 key"):
        Keys(keys.folder).sign(b"")
    assert (keys.folder / "signing.key").read_bytes() == content


def test_a_key_of_another_kind_is_refused(keys: Keys) -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    keys.sign(b"")
    pem = X25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (keys.folder / "signing.key").write_bytes(pem)
    with pytest.raises(StoreError, match="X25519PrivateKey"):
        Keys(keys.folder).sign(b"")


def test_processes_that_make_the_key_at_once_have_the_same(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        texts = pool.map(public_text_of, [tmp_path / "keys"] * 6)
    assert len(set(texts)) == 1


def test_a_folder_that_cannot_be_made_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match="cannot be made"):
        Keys(tmp_path / "file" / "keys").sign(b"")


def test_another_projects_signature_counts_once_its_key_is_trusted(keys: Keys, tmp_path: Path) -> None:
    other = Keys(tmp_path / "other")
    signature = other.sign(b"export")
    with pytest.raises(SignatureInvalid):
        keys.verify(b"export", signature)
    assert keys.trust(f"{other.public_text}\n") == other.fingerprint
    keys.verify(b"export", signature)


def test_a_key_that_is_no_longer_trusted_does_not_count(keys: Keys, tmp_path: Path) -> None:
    other = Keys(tmp_path / "other")
    keys.distrust(keys.trust(other.public_text))
    with pytest.raises(SignatureInvalid):
        keys.verify(b"export", other.sign(b"export"))


@pytest.mark.parametrize("name", ["0" * 64, "../signing", "", "signing"])
def test_only_a_trusted_key_can_be_distrusted(keys: Keys, name: str) -> None:
    keys.sign(b"")
    with pytest.raises(NotFound, match="no trusted key"):
        keys.distrust(name)
    assert (keys.folder / "signing.key").exists()


@pytest.mark.parametrize("text", ["", "ed25519:", "ed25519:AAAA", "rsa:AAAA", "ed25519:é", "ed25519:" + "A" * 64])
def test_what_is_no_public_key_is_not_trusted(keys: Keys, text: str) -> None:
    with pytest.raises(InvalidValue, match="no public key"):
        keys.trust(text)


def test_a_trusted_key_that_was_swapped_is_noticed(keys: Keys, tmp_path: Path) -> None:
    name = keys.trust(Keys(tmp_path / "other").public_text)
    (keys.folder / "trusted" / f"{name}.key").write_text(Keys(tmp_path / "attacker").public_text)
    with pytest.raises(StoreError, match="not what its name says"):
        keys.verify(b"", keys.sign(b""))


def test_a_fingerprint_is_that_of_the_raw_key() -> None:
    text = "ed25519:" + "A" * 43 + "="
    assert fingerprint(text) == "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
    assert not signed_by(text, b"", "AAAA")
