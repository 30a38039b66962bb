from __future__ import annotations

import base64
import json
import logging
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from storage.samples import least

from doorward.clock import FixedClock, SystemEntropy
from doorward.errors import StartError
from doorward.keys.master_key import KEY_FILE
from doorward.keys.ring import Keys, open_with_keys
from doorward.records.accounts import User
from doorward.records.changes import Delete, Insert
from doorward.records.keys import KeyRecord
from doorward.records.oauth import Client
from doorward.storage.memory import MemoryStore
from doorward.storage.opening import open_store
from doorward.storage.port import Store

PROGRAMS = Path(__file__).parent / "programs"
FIRST_FORMAT = Path(__file__).parents[1] / "golden" / "keys" / "format_1.json"
"""What version 0.1.0 wrote: the keys themselves, and no master key."""
MASTER_KEY = base64.b64encode(b"m" * 32).decode()
OTHER_MASTER_KEY = base64.b64encode(b"o" * 32).decode()
CLOCK = FixedClock()


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    store = MemoryStore()
    await store.open()
    yield store
    await store.close()


async def load(store: Store, data_dir: Path, **options) -> Keys:
    return await Keys.load(store, data_dir, CLOCK, SystemEntropy(), **options)


async def open_default(data_dir: Path, *, master_key: str | None = None) -> tuple[Store, Keys]:
    """Open an installation on SQLite, as the server does."""
    store = open_store(None, data_dir)
    return store, await open_with_keys(store, None, data_dir, CLOCK, SystemEntropy(), master_key=master_key)


def explained(error: StartError) -> StartError:
    assert error.problem.what
    assert error.problem.why
    assert error.problem.fix
    return error


async def refusal_of(store: Store, data_dir: Path, **options) -> StartError:
    with pytest.raises(StartError) as caught:
        await load(store, data_dir, **options)
    return explained(caught.value)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def pem_of(private_key) -> str:
    return private_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.fixture
async def data_dir(tmp_path, store) -> Path:
    """Return a data directory with a key file in it, the one of `store`."""
    (tmp_path / "data").mkdir(mode=0o700)
    await load(store, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def first_format(tmp_path) -> Path:
    """Return a data directory with a key file of the first format."""
    (tmp_path / "old").mkdir(mode=0o700)
    (tmp_path / "old" / KEY_FILE).write_bytes(FIRST_FORMAT.read_bytes())
    (tmp_path / "old" / KEY_FILE).chmod(0o600)
    return tmp_path / "old"


def change(data_dir: Path, edit) -> None:
    path = data_dir / KEY_FILE
    content = json.loads(path.read_bytes())
    edit(content)
    path.write_text(json.dumps(content))


async def test_the_first_start_makes_the_directory_and_the_master_key_for_this_account_only(tmp_path):
    data_dir = tmp_path / "deep" / "data"
    store, keys = await open_default(data_dir)
    assert mode_of(data_dir) == 0o700
    assert mode_of(data_dir / KEY_FILE) == 0o600
    assert sorted(json.loads((data_dir / KEY_FILE).read_bytes())) == ["format", "master_key"]
    assert keys.encryption[0].created_at == keys.signing[0].created_at == CLOCK.now()
    await store.close()


async def test_the_next_start_finds_the_same_keys(store, data_dir):
    first, second = await load(store, data_dir), await load(store, data_dir)
    assert first.encryption == second.encryption
    assert [each.kid for each in first.signing] == [each.kid for each in second.signing]
    assert second.sealer("reply").unseal(first.sealer("reply").seal(b"x", b"c"), b"c") == b"x"


async def test_no_key_is_stored_in_clear(store, data_dir):
    keys = await load(store, data_dir)
    stored = [each.record for each in await store.find(KeyRecord)]
    assert {each.use for each in stored} == {"master", "encryption", "signing"}
    der = keys.signing[0].private_key.private_numbers().private_value.to_bytes(32, "big")
    for record in stored:
        assert keys.encryption[0].secret not in record.sealed_key
        assert der not in record.sealed_key


async def test_a_sealed_key_does_not_open_under_another_id_or_for_another_use(store, data_dir):
    keys = await load(store, data_dir)
    (record,) = [each.record for each in await store.find(KeyRecord) if each.record.use == "encryption"]
    for forged in ({"kid": "00c0ffee"}, {"use": "signing"}):
        fields = {name: getattr(record, name) for name in record.__struct_fields__} | forged
        with pytest.raises(StartError):
            keys.open_record(KeyRecord(**fields))


async def test_nodes_with_one_master_key_share_the_keys_and_need_no_directory(store, tmp_path):
    nodes = [await load(store, tmp_path / name, master_key=MASTER_KEY) for name in ("one", "two")]
    assert nodes[0].encryption == nodes[1].encryption
    assert nodes[1].sealer("reply").unseal(nodes[0].sealer("reply").seal(b"x")) == b"x"
    assert not list(tmp_path.iterdir())


async def test_a_node_with_another_master_key_is_refused(store, tmp_path, data_dir):
    for options in ({"master_key": MASTER_KEY}, {}):
        other = tmp_path / "other"
        other.mkdir(mode=0o700, exist_ok=True)
        if not options:
            (other / KEY_FILE).write_text(json.dumps({"format": 2, "master_key": OTHER_MASTER_KEY}))
        error = await refusal_of(store, other, **options)
        assert "another master key" in error.problem.what
        assert "DOORWARD_MASTER_KEY" in error.problem.fix
        assert MASTER_KEY not in str(error)


async def test_a_node_without_a_master_key_is_refused_and_makes_none(store, tmp_path, data_dir):
    (tmp_path / "other").mkdir(mode=0o700)
    error = await refusal_of(store, tmp_path / "other")
    assert "is missing" in error.problem.what
    assert "copy it from another node" in error.problem.fix
    assert not list((tmp_path / "other").iterdir())


async def test_the_setting_wins_over_the_file(store, tmp_path, data_dir):
    other = MemoryStore()
    await other.open()
    await load(other, data_dir, master_key=MASTER_KEY)
    assert (await load(other, tmp_path / "elsewhere", master_key=MASTER_KEY)).encryption
    assert "another master key" in (await refusal_of(other, data_dir)).problem.what
    await other.close()


async def test_a_purpose_has_one_sealer_of_its_own(store, data_dir):
    keys = await load(store, data_dir)
    assert keys.sealer("reply") is keys.sealer("reply")
    assert keys.sealer("mcp_session").unseal(keys.sealer("reply").seal(b"x")) is None


async def test_the_signing_key_verifies_with_its_public_half(store, data_dir):
    key = (await load(store, data_dir)).signing[0]
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


async def test_no_key_is_shown_when_printed(store, data_dir):
    keys = await load(store, data_dir)
    shown = f"{keys!r} {keys.encryption!r} {keys.signing!r} {keys._master_key!r}"
    assert repr(keys.encryption[0].secret)[2:-1] not in shown
    assert repr(keys._master_key.secret)[2:-1] not in shown
    assert "private_key" not in shown


def test_processes_that_start_at_once_agree_on_the_keys(tmp_path):
    program = [sys.executable, PROGRAMS / "print_key_id.py", tmp_path / "data"]
    processes = [subprocess.Popen(program, stdout=subprocess.PIPE, text=True) for _ in range(6)]
    printed = {process.communicate()[0] for process in processes}
    assert [process.returncode for process in processes] == [0] * 6
    assert len(printed) == 1
    assert sorted(each.name for each in (tmp_path / "data").iterdir()) == [".gitignore", "doorward.sqlite", KEY_FILE]


@pytest.mark.parametrize("master_key", [None, MASTER_KEY], ids=["file", "setting"])
async def test_the_keys_of_a_file_of_the_first_format_go_on(store, first_format, master_key):
    content = json.loads(FIRST_FORMAT.read_bytes())
    keys = await load(store, first_format, master_key=master_key)
    assert [each.kid for each in keys.encryption] == [each["kid"] for each in content["encryption"]]
    assert [each.secret for each in keys.encryption] == [base64.b64decode(e["key"]) for e in content["encryption"]]
    assert [each.kid for each in keys.signing] == [each["kid"] for each in content["signing"]]
    assert [pem_of(each.private_key) for each in keys.signing] == [e["private_key"] for e in content["signing"]]
    assert (first_format / KEY_FILE).read_bytes() == FIRST_FORMAT.read_bytes()
    again = await load(store, first_format, master_key=master_key)
    assert again.encryption == keys.encryption


async def test_a_database_from_before_keys_were_stored_takes_them_in(tmp_path, first_format):
    store = open_store(None, first_format)
    await store.open()
    await store.apply([Insert(least(User))])
    await store.close()
    store, keys = await open_default(first_format)
    assert keys.encryption[0].kid == json.loads(FIRST_FORMAT.read_bytes())["encryption"][0]["kid"]
    await store.close()


@pytest.mark.parametrize("record", [least(User), least(Client)], ids=["user", "client"])
async def test_a_lost_key_file_of_a_database_in_use_is_not_replaced(store, tmp_path, record):
    tmp_path.chmod(0o700)
    await store.apply([Insert(record)])
    error = await refusal_of(store, tmp_path)
    assert "is missing" in error.problem.what
    assert "backup" in error.problem.fix
    assert not (tmp_path / KEY_FILE).exists()


async def test_a_key_file_lost_after_the_first_start_is_not_replaced(tmp_path):
    store, _ = await open_default(tmp_path / "data")
    await store.close()
    (tmp_path / "data" / KEY_FILE).unlink()
    with pytest.raises(StartError, match="is missing"):
        await open_default(tmp_path / "data")
    assert not (tmp_path / "data" / KEY_FILE).exists()


async def test_a_database_that_holds_nothing_has_lost_nothing(tmp_path):
    store = open_store(None, tmp_path / "data")
    await store.open()
    await store.close()
    store, _ = await open_default(tmp_path / "data")
    await store.close()


async def test_keys_removed_from_the_database_are_not_made_anew(store, data_dir):
    for stored in await store.find(KeyRecord):
        if stored.record.use == "encryption":
            await store.apply([Delete(KeyRecord, stored.record.kid, stored.version)])
    assert "has lost its keys" in (await refusal_of(store, data_dir)).problem.what


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666, 0o602])
async def test_a_key_file_open_to_others_is_closed_with_a_warning(store, data_dir, caplog, mode):
    (data_dir / KEY_FILE).chmod(mode)
    with caplog.at_level(logging.WARNING):
        await load(store, data_dir)
    assert mode_of(data_dir / KEY_FILE) == 0o600
    (record,) = caplog.records
    assert record.message == "closed to other accounts"
    assert record.fields["mode"] == f"{mode:04o}"


async def test_a_key_file_open_to_others_that_cannot_be_closed_is_refused(store, tmp_path):
    (tmp_path / KEY_FILE).symlink_to("/proc/self/cmdline")
    assert "cannot be closed" in (await refusal_of(store, tmp_path)).problem.what


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
        b'{"format": 2}',
        b'{"format": 2, "master_key": "c2hvcnQ="}',
        b'{"format": 2, "master_key": "SECRET not base64"}',
    ],
)
async def test_a_damaged_key_file_is_refused_and_kept(store, data_dir, content):
    (data_dir / KEY_FILE).write_bytes(content)
    error = await refusal_of(store, data_dir)
    assert "damaged" in error.problem.what
    assert "SECRET" not in str(error)
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
async def test_a_key_of_the_first_format_that_cannot_be_used_is_refused_without_being_shown(store, first_format, edit):
    change(first_format, edit)
    error = await refusal_of(store, first_format)
    assert "damaged" in error.problem.what
    assert "SECRET" not in str(error)


async def test_a_key_file_of_a_newer_version_is_refused(store, data_dir):
    change(data_dir, lambda content: content.update(format=3, master_key={"in": "another form"}))
    assert "newer Doorward" in (await refusal_of(store, data_dir)).problem.what


async def test_a_key_file_that_is_a_directory_is_refused(store, tmp_path):
    (tmp_path / KEY_FILE).mkdir(mode=0o700)
    assert "cannot be read" in (await refusal_of(store, tmp_path)).problem.what
