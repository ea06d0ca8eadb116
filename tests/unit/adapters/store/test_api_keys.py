"""Keys on disk: what opens, what does not, and what is kept of a secret."""

import stat
from pathlib import Path

import pytest

from adapters.contract.access import USER_SCOPES, Allowance, Scope
from adapters.settings import Settings
from adapters.store.api_keys import TOKEN, ApiKeys, ApiKeyStore, DamagedKeysError, check_listening
from robustify.errors import InvalidInputError, RobustifyError

NOW = 1_000_000.0
HOUR = 3600.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "api_keys.json"


def test_key_when_it_is_made(path: Path) -> None:
    """It opens for its owner, with its scopes and its allowance, whatever else has been made."""
    store, allowance = ApiKeyStore(path), Allowance(samples_per_day=5)
    first = store.create("Ada", NOW, frozenset({Scope.READ}), allowance)
    second = store.create("Bob", NOW)

    caller = ApiKeys(path).find(first.token, NOW)
    assert caller is not None
    assert (caller.owner, caller.name, caller.allowance) == (first.key.id, "Ada", allowance)
    assert caller.scopes == {Scope.READ}
    other = ApiKeys(path).find(second.token, NOW)
    assert other is not None
    assert other.scopes == USER_SCOPES
    assert other.owner != caller.owner


def test_file_when_a_key_is_made(path: Path) -> None:
    """Its owner alone can read it, and the secret is not in it."""
    token = ApiKeyStore(path).create("Ada", NOW).token
    match = TOKEN.fullmatch(token)
    assert match
    assert match[2] not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_key_when_it_is_another(path: Path) -> None:
    """Neither another secret under its id, nor its secret under another id, nor what only contains it."""
    store = ApiKeyStore(path)
    first, second = store.create("Ada", NOW), store.create("Bob", NOW)
    secret = first.token.rpartition("_")[2]
    wrong = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    keys = ApiKeys(path)
    for token in ("", secret, f"rk_{first.key.id}_{wrong}", f"rk_{second.key.id}_{secret}", f"{first.token} ", "rk__"):
        assert keys.find(token, NOW) is None, token


def test_key_when_it_expires(path: Path) -> None:
    """It holds until then."""
    token = ApiKeyStore(path).create("Ada", NOW, expires_at=NOW + HOUR).token
    keys = ApiKeys(path)
    assert keys.find(token, NOW + HOUR - 1)
    assert keys.find(token, NOW + HOUR) is None


def test_key_when_it_is_revoked(path: Path) -> None:
    """A reader that has known it lets nobody in with it any more; its record stays, with the time of the first call."""
    store, keys = ApiKeyStore(path), ApiKeys(path)
    made = store.create("Ada", NOW)
    assert keys.find(made.token, NOW)
    store.revoke(made.key.id, NOW + 1)
    assert keys.find(made.token, NOW + 1) is None
    assert store.revoke(made.key.id, NOW + 2).revoked_at == NOW + 1


def test_key_when_it_is_rotated(path: Path) -> None:
    """The new secret opens for the same owner; the one before does for the time of grace, those before it do not."""
    store, keys = ApiKeyStore(path), ApiKeys(path)
    first = store.create("Ada", NOW)
    second = store.rotate(first.key.id, NOW, HOUR)
    assert keys.find(first.token, NOW + HOUR - 1) == keys.find(second.token, NOW) == second.key.caller
    assert keys.find(first.token, NOW + HOUR) is None
    third = store.rotate(first.key.id, NOW + 1, HOUR)
    assert keys.find(first.token, NOW + 2) is None
    assert keys.find(second.token, NOW + 2) == keys.find(third.token, NOW + 2) == third.key.caller


def test_rotation_when_there_is_nothing_to_rotate(path: Path) -> None:
    """A key that is not there, or revoked, gets no new secret."""
    store = ApiKeyStore(path)
    made = store.create("Ada", NOW)
    store.revoke(made.key.id, NOW)
    with pytest.raises(InvalidInputError, match="revoked"):
        store.rotate(made.key.id, NOW, HOUR)
    with pytest.raises(InvalidInputError, match="there is no key nobody"):
        store.rotate("nobody", NOW, HOUR)
    with pytest.raises(InvalidInputError, match="there is no key nobody"):
        store.revoke("nobody", NOW)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "\x1b[2J"])
def test_name_when_it_cannot_be_shown(path: Path, name: str) -> None:
    """It is refused, and no key is made."""
    with pytest.raises(InvalidInputError):
        ApiKeyStore(path).create(name, NOW)
    assert not path.exists()


@pytest.mark.parametrize("content", ["", "{", '{"keys": [{}]}', '{"version": 2}', '{"keys": [], "only_from": "x"}'])
def test_reader_when_the_file_is_damaged(path: Path, content: str) -> None:
    """It lets nobody in, also not who was let in before; once the file is whole again, all is as it was."""
    keys = ApiKeys(path)
    token = ApiKeyStore(path).create("Ada", NOW).token
    assert keys.find(token, NOW)
    whole = path.read_bytes()
    path.write_text(content)
    for _ in range(2):
        with pytest.raises(DamagedKeysError) as raised:
            keys.find(token, NOW)
    assert "digest" not in str(raised.value)
    path.write_bytes(whole)
    assert keys.find(token, NOW)


def test_reader_when_there_is_no_file(path: Path) -> None:
    """There are no keys, and none is made."""
    assert ApiKeys(path).find("rk_", NOW) is None
    assert not path.parent.exists()


def test_reader_when_the_file_goes(path: Path) -> None:
    """Nobody is let in any more."""
    keys, token = ApiKeys(path), ApiKeyStore(path).create("Ada", NOW).token
    assert keys.find(token, NOW)
    path.unlink()
    assert keys.find(token, NOW) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "robustify.example.org"])
def test_listening_when_there_is_no_key(tmp_path: Path, host: str) -> None:
    """Others may not be let listen in on what nobody could ask for, and revoked keys are none."""
    settings = Settings(state_dir=tmp_path, host=host)
    store = ApiKeyStore(settings.state.api_keys)
    store.revoke(store.create("Ada", NOW).key.id, NOW)
    with pytest.raises(RobustifyError, match="robustify keys create NAME"):
        check_listening(settings)
    check_listening(settings.model_copy(update={"keyless": "anybody"}))
    store.create("Bob", NOW)
    check_listening(settings)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_listening_when_nobody_else_can_reach_it(tmp_path: Path, host: str) -> None:
    """No key is needed, and no file looked for: not even a damaged one stands in the way."""
    settings = Settings(state_dir=tmp_path, host=host, keyless="nobody")
    settings.state.api_keys.write_text("damaged")
    check_listening(settings)
    with pytest.raises(DamagedKeysError):
        check_listening(settings.model_copy(update={"host": "0.0.0.0"}))
