from __future__ import annotations

import base64
import json
import logging
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from doorward.clock import FixedClock, SystemEntropy
from doorward.errors import StartError
from doorward.storage.keys import KEY_FILE, Keys
from doorward.storage.opening import open_store

PROGRAMS = Path(__file__).parent / "programs"
CLOCK = FixedClock()


def load(data_dir: Path, **options) -> Keys:
    return Keys.load(data_dir, CLOCK, SystemEntropy(), **options)


def refusal_of(data_dir: Path, **options) -> StartError:
    with pytest.raises(StartError) as caught:
        load(data_dir, **options)
    problem = caught.value.problem
    assert problem.what
    assert problem.why
    assert problem.fix
    return caught.value


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def pem_of(private_key) -> str:
    return private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture
def data_dir(tmp_path) -> Path:
    """Return a data directory with a key file in it."""
    load(tmp_path / "data")
    return tmp_path / "data"


def change(data_dir: Path, edit) -> None:
    path = data_dir / KEY_FILE
    content = json.loads(path.read_bytes())
    edit(content)
    path.write_text(json.dumps(content))


def test_the_first_start_makes_the_directory_and_the_keys_for_this_account_only(tmp_path):
    keys = load(tmp_path / "deep" / "data")
    assert mode_of(tmp_path / "deep" / "data") == 0o700
    assert mode_of(tmp_path / "deep" / "data" / KEY_FILE) == 0o600
    assert [each.name for each in (tmp_path / "deep" / "data").iterdir()] == [KEY_FILE]
    assert keys.encryption[0].created_at == keys.signing[0].created_at == CLOCK.now()


def test_the_next_start_finds_the_same_keys(data_dir):
    first, second = load(data_dir), load(data_dir)
    assert first.encryption == second.encryption
    assert [each.kid for each in first.signing] == [each.kid for each in second.signing]
    assert second.sealer("reply").unseal(first.sealer("reply").seal(b"x", b"c"), b"c") == b"x"


def test_two_installations_have_different_keys(tmp_path):
    one, other = load(tmp_path / "one"), load(tmp_path / "other")
    assert one.encryption[0].secret != other.encryption[0].secret
    assert other.sealer("reply").unseal(one.sealer("reply").seal(b"x")) is None


def test_a_purpose_has_one_sealer_of_its_own(data_dir):
    keys = load(data_dir)
    assert keys.sealer("reply") is keys.sealer("reply")
    assert keys.sealer("mcp_session").unseal(keys.sealer("reply").seal(b"x")) is None


def test_a_new_first_key_seals_and_the_older_one_still_opens(data_dir):
    sealed = load(data_dir).sealer("reply").seal(b"x")
    new = {"kid": "00c0ffee", "created_at": 1, "key": base64.b64encode(b"n" * 32).decode()}
    change(data_dir, lambda content: content["encryption"].insert(0, new))
    rotated = load(data_dir).sealer("reply")
    assert rotated.unseal(sealed) == b"x"
    assert rotated.seal(b"x")[1:5] == bytes.fromhex("00c0ffee")


def test_the_signing_key_verifies_with_its_public_half(data_dir):
    key = load(data_dir).signing[0]
    jwk = key.public_jwk()
    assert {**jwk, "x": "", "y": ""} == {
        "kty": "EC",
        "crv": "P-256",
        "alg": "ES256",
        "use": "sig",
        "kid": key.kid,
        "x": "",
        "y": "",
    }
    x, y = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=")) for name in "xy")
    signature = key.private_key.sign(b"message", ec.ECDSA(hashes.SHA256()))
    public = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    public.verify(signature, b"message", ec.ECDSA(hashes.SHA256()))


def test_no_key_is_shown_when_printed(data_dir):
    keys = load(data_dir)
    shown = f"{keys!r} {keys.encryption!r} {keys.signing!r}"
    assert repr(keys.encryption[0].secret)[2:-1] not in shown
    assert "private_key" not in shown


def test_processes_that_start_at_once_agree_on_the_keys(tmp_path):
    program = [sys.executable, PROGRAMS / "print_key_id.py", tmp_path / "data"]
    processes = [subprocess.Popen(program, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    printed = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 6
    assert printed == {load(tmp_path / "data").encryption[0].kid + "\n"}
    assert [each.name for each in (tmp_path / "data").iterdir()] == [KEY_FILE]


async def test_lost_keys_of_an_existing_database_are_not_replaced(data_dir):
    store = open_store(None, data_dir)
    await store.open()
    await store.close()
    (data_dir / KEY_FILE).unlink()
    error = refusal_of(data_dir)
    assert "is missing" in error.problem.what
    assert "backup" in error.problem.fix
    assert not (data_dir / KEY_FILE).exists()


async def test_the_database_may_be_elsewhere(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'elsewhere.db'}", tmp_path / "data")
    await store.open()
    await store.close()
    assert "is missing" in refusal_of(tmp_path / "data", database=tmp_path / "elsewhere.db").problem.what
    load(tmp_path / "data")


def test_an_empty_database_file_has_lost_nothing(tmp_path):
    (tmp_path / "data").mkdir(mode=0o700)
    (tmp_path / "data" / "doorward.sqlite").touch()
    load(tmp_path / "data")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o602])
def test_a_key_file_open_to_others_is_closed_with_a_warning(data_dir, caplog, mode):
    (data_dir / KEY_FILE).chmod(mode)
    with caplog.at_level(logging.WARNING):
        load(data_dir)
    assert mode_of(data_dir / KEY_FILE) == 0o600
    (record,) = caplog.records
    assert record.message == "closed to other accounts"
    assert record.fields["mode"] == f"{mode:04o}"


def test_a_key_file_open_to_others_that_cannot_be_closed_is_refused(tmp_path):
    (tmp_path / KEY_FILE).symlink_to("/proc/self/cmdline")
    tmp_path.chmod(0o700)
    assert "cannot be closed" in refusal_of(tmp_path).problem.what


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'"x"',
        b"{}",
        b'{"format": 1}',
        b'{"format": "1"}',
        b"\xff\xfe",
        b'{"format": 1, "encryption": []}',
    ],
)
def test_a_damaged_key_file_is_refused_and_kept(data_dir, content):
    (data_dir / KEY_FILE).write_bytes(content)
    assert "damaged" in refusal_of(data_dir).problem.what
    assert (data_dir / KEY_FILE).read_bytes() == content


@pytest.mark.parametrize(
    "edit",
    [
        lambda content: content["encryption"].clear(),
        lambda content: content["signing"].clear(),
        lambda content: content["encryption"][0].update(key="c2hvcnQ="),
        lambda content: content["encryption"][0].update(key="SECRET not base64"),
        lambda content: content["encryption"][0].update(kid="abc"),
        lambda content: content["encryption"][0].update(kid="abcdef"),
        lambda content: content["signing"][0].update(private_key="SECRET not PEM"),
        lambda content: content["signing"][0].update(private_key=pem_of(ec.generate_private_key(ec.SECP384R1()))),
        lambda content: content["signing"][0].update(private_key=pem_of(ed25519.Ed25519PrivateKey.generate())),
    ],
    ids=[
        "no encryption key",
        "no signing key",
        "short key",
        "not base64",
        "odd key id",
        "short key id",
        "not PEM",
        "another curve",
        "another kind",
    ],
)
def test_a_key_that_cannot_be_used_is_refused_without_being_shown(data_dir, edit):
    change(data_dir, edit)
    error = refusal_of(data_dir)
    assert "damaged" in error.problem.what
    assert "SECRET" not in str(error)


def test_a_key_file_of_a_newer_version_is_refused(data_dir):
    change(data_dir, lambda content: content.update(format=2, encryption="in another form"))
    assert "newer Doorward" in refusal_of(data_dir).problem.what


def test_a_key_file_that_is_a_directory_is_refused(tmp_path):
    tmp_path.chmod(0o700)
    (tmp_path / KEY_FILE).mkdir(mode=0o700)
    assert "cannot be read" in refusal_of(tmp_path).problem.what
