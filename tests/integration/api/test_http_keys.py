"""Keys over real HTTP: who is let in, to what, and how often."""

from collections.abc import Iterator
from pathlib import Path
from time import sleep, time

import pytest
from fastapi import FastAPI

from adapters.contract.access import EVERY_SCOPE, Allowance, Scope
from adapters.settings import Settings
from adapters.store.api_keys import ApiKeyStore
from service.access import rates
from service.access.caller import CallerDependency
from service.access.policy import PUBLIC, SCOPES
from service.page.files import page_files
from tests.serving import Served, app_without_queue, served

PLACEHOLDERS = {"job_id": "x" * 26, "batch_id": "x" * 26, "name": "cats", "file": "x.png", "sha256": "0" * 64,
                "picture": "noisy"}  # fmt: skip
CLOSED = [*sorted(SCOPES), ("GET", "/nowhere"), ("POST", "/nowhere"), ("PATCH", "/models"), ("OPTIONS", "/models"),
          ("GET", "/docs/"), ("GET", "/%2Fmodels"), ("GET", "/models/"), ("GET", "/healthz/%2E%2E/models")]  # fmt: skip


FILES = {"name": "swagger-ui.css", "path": "app.js"}
"""Of the public routes that serve files."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(profile="oracle-linear", state_dir=tmp_path_factory.mktemp("state"), keyless="nobody")


@pytest.fixture(scope="module")
def store(settings: Settings) -> ApiKeyStore:
    return ApiKeyStore(settings.state.api_keys)


def with_new_route(settings: Settings) -> FastAPI:
    """A route that no list names, as one that somebody adds."""
    app = app_without_queue(settings)

    @app.get("/new-route", include_in_schema=False)
    def new_route(caller: CallerDependency) -> str:
        return caller.owner

    return app


@pytest.fixture(scope="module")
def closed(settings: Settings, store: ApiKeyStore) -> Iterator[Served]:
    """A service that lets nobody in without a key."""
    with pytest.MonkeyPatch.context() as patch, served(settings, with_new_route(settings)) as running:
        # All tests have one address.
        patch.setattr(rates, "FAILURES_PER_MINUTE", 10_000)
        yield running


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def new_key(store: ApiKeyStore, *scopes: Scope, **allowance: int) -> dict[str, str]:
    return bearer(store.create("test", time(), frozenset(scopes), Allowance(**allowance)).token)


def wait_for_a_new_minute() -> None:
    """Where the present one ends in a moment: what was counted in it would then weigh less."""
    if time() % 60 > 55:
        sleep(60 - time() % 60)


def path_of(template: str) -> str:
    return template.format(**PLACEHOLDERS)


@pytest.mark.parametrize(("method", "template"), CLOSED)
def test_request_when_it_has_no_key(closed: Served, method: str, template: str) -> None:
    """It is told that one is needed, whether there is such a path or not; HEAD too."""
    for asked in {method, "HEAD"}:
        response = closed.client.request(asked, path_of(template))
        assert (response.status_code, response.headers["www-authenticate"]) == (401, 'Bearer realm="robustify"')
        if asked != "HEAD":
            assert response.json()["type"] == "/problems/missing-key"


@pytest.mark.parametrize(("method", "template"), sorted(PUBLIC))
def test_public_route_when_there_is_no_key(closed: Served, method: str, template: str) -> None:
    """Nobody is asked who it is."""
    assert closed.client.request(method, template.replace(":path", "").format_map(FILES)).status_code not in (
        401,
        403,
        404,
    )


@pytest.mark.parametrize("template", ["/models", "/certificates/key", "/nowhere"])
@pytest.mark.parametrize(
    "authorization", ["Bearer", "Bearer nonsense", "bearer rk_aaaaaaaaaaaa_" + "a" * 43, "Bearer rk__"]
)
def test_key_when_it_is_wrong(closed: Served, template: str, authorization: str) -> None:
    """It is told so, also where none is needed."""
    response = closed.client.get(template, headers={"Authorization": authorization})
    assert (response.status_code, response.json()["type"]) == (401, "/problems/invalid-key")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]


def test_key_when_it_is_wrong_on_the_operators_machine(tmp_path: Path) -> None:
    """Who shows a key is taken at its word, and at no other."""
    with served(Settings(profile="oracle-linear", state_dir=tmp_path)) as open_here:
        assert open_here.client.get("/models").status_code == 200
        assert open_here.client.get("/models", headers=bearer("rk_")).status_code == 401


def test_key_when_it_comes_otherwise(closed: Served, store: ApiKeyStore) -> None:
    """In the address, in another header or beside a second one, it is none."""
    token = new_key(store, *EVERY_SCOPE)["Authorization"].removeprefix("Bearer ")
    assert closed.client.get("/models", headers=bearer(token)).status_code == 200
    for options in (
        {"params": {"key": token, "access_token": token}},
        {"headers": {"X-Api-Key": token}},
        {"headers": {"Authorization": token}},
        {"headers": {"Authorization": f"Basic {token}"}},
        {"headers": [("Authorization", f"Bearer {token}"), ("Authorization", f"Bearer {token}")]},
        {"cookies": {"key": token}},
    ):
        request = closed.client.build_request("GET", "/models", **options)
        assert closed.client.send(request).status_code == 401, options


@pytest.mark.parametrize(("method", "template"), sorted(SCOPES))
def test_route_when_the_key_has_other_scopes(closed: Served, store: ApiKeyStore, method: str, template: str) -> None:
    """Each of its scopes opens it, and no other does."""
    for scope in Scope:
        response = closed.client.request(method, path_of(template), headers=new_key(store, scope))
        is_open = scope in SCOPES[method, template]
        is_refused = response.status_code == 403 and response.json()["type"] == "/problems/missing-scope"
        assert is_open is not is_refused, (scope, response.text)
        if is_refused:
            assert 'error="insufficient_scope"' in response.headers["www-authenticate"]
        assert response.status_code != 401


def test_new_route_when_nobody_has_thought_of_it(closed: Served, store: ApiKeyStore) -> None:
    """It is closed to all but the operator, until a list names it."""
    users = new_key(store, *(EVERY_SCOPE - {Scope.ADMIN}))
    assert closed.client.get("/new-route").status_code == 401
    assert closed.client.get("/new-route", headers=users).status_code == 403
    admin = store.create("admin", time(), EVERY_SCOPE)
    response = closed.client.get("/new-route", headers=bearer(admin.token))
    assert (response.status_code, response.json()) == (200, admin.key.id)


def test_unknown_path_when_the_key_holds(closed: Served, store: ApiKeyStore) -> None:
    """Then it is told that there is none, and which methods there are, whatever the scope."""
    key = new_key(store, Scope.PREDICT)
    assert closed.client.get("/nowhere", headers=key).status_code == 404
    response = closed.client.patch("/models", headers=key)
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")


def test_key_when_it_is_revoked_meanwhile(closed: Served, store: ApiKeyStore) -> None:
    """The next request with it is refused, without a restart; the rotated one is let in with both secrets."""
    made = store.create("test", time())
    rotated = store.rotate(made.key.id, time(), 3600)
    for token in (made.token, rotated.token):
        assert closed.client.get("/models", headers=bearer(token)).status_code == 200
    store.revoke(made.key.id, time())
    for token in (made.token, rotated.token):
        assert closed.client.get("/models", headers=bearer(token)).status_code == 401


def test_requests_when_a_key_has_an_allowance(closed: Served, store: ApiKeyStore) -> None:
    """Each answer says what is left; one more is refused, and tells when to go on. Others are let in as before."""
    wait_for_a_new_minute()
    key = new_key(store, Scope.READ, requests_per_minute=3)
    answers = [closed.client.get(path, headers=key) for path in ("/models", "/nowhere", "/models", "/models")]
    assert [answer.status_code for answer in answers] == [200, 404, 200, 429]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"requests";q=3;w=60'}
    assert [answer.headers["ratelimit"].partition(";t=")[0] for answer in answers] == [
        f'"requests";r={left}' for left in (2, 1, 0, 0)
    ]
    assert answers[3].json()["type"] == "/problems/too-many-requests"
    assert 1 <= int(answers[3].headers["retry-after"]) <= 80
    assert closed.client.get("/models", headers=new_key(store, Scope.READ)).status_code == 200


def test_page_when_it_is_opened_again_and_again(tmp_path: Path) -> None:
    """Its files, and those of /docs, are in no way of what may be asked, with a key or without."""
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, keyless="nobody", requests_per_minute=3)
    key = new_key(ApiKeyStore(settings.state.api_keys), Scope.READ, requests_per_minute=2)
    with served(settings) as running:
        wait_for_a_new_minute()
        for number in range(3):
            for path in ("/", "/docs", "/docs/swagger-ui.css", *(f"/page/{name}" for name in page_files())):
                answer = running.client.get(path, headers=key if number == 2 else {})
                assert (answer.status_code, answer.headers["ratelimit-policy"]) == (200, '"files";q=6000;w=60')
        assert [running.client.get("/examples").status_code for _ in range(4)] == [200] * 3 + [429]
        assert [running.client.get("/models", headers=key).status_code for _ in range(3)] == [200] * 2 + [429]
        assert running.client.get("/").status_code == 200


def test_page_when_a_stranger_asks_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked for counts, also what is known, what is none and a HEAD; then it is refused, with a key too."""
    monkeypatch.setattr(rates, "LEAST_FILES_PER_MINUTE", 6)
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, keyless="nobody", requests_per_minute=1)
    monkeypatch.setattr(rates, "FILES_PER_REQUEST", 2)
    key = new_key(ApiKeyStore(settings.state.api_keys), Scope.READ)
    with served(settings) as running:
        wait_for_a_new_minute()
        known = {"If-None-Match": running.client.get("/").headers["etag"]}
        statuses = [running.client.get("/", headers=known).status_code, running.client.head("/docs").status_code]
        statuses += [running.client.get(path).status_code for path in ("/page/none", "/docs/none", "/page/app.js")]
        assert statuses == [304, 200, 404, 404, 200]
        refused = running.client.get("/", headers=key)
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems/too-many-requests")
        assert refused.json()["detail"].startswith("More than 6 files in a minute: go on in ")
        assert int(refused.headers["retry-after"]) >= 1
        assert running.client.get("/models", headers=key).status_code == 200


def test_keys_when_their_file_is_damaged(settings: Settings, tmp_path: Path) -> None:
    """Nobody is let in but to what is public, not even where no key is needed, and all is well once it is mended."""
    settings = settings.model_copy(update={"state_dir": tmp_path, "keyless": "anybody"})
    store = ApiKeyStore(settings.state.api_keys)
    key = new_key(store, Scope.READ)
    whole = settings.state.api_keys.read_bytes()
    with served(settings) as running:
        settings.state.api_keys.write_bytes(whole[:-9])
        for headers in (key, {}):
            response = running.client.get("/models", headers=headers)
            assert (response.status_code, response.json()["type"]) == (503, "/problems/keys-unavailable")
            assert str(tmp_path) not in response.text
        assert running.client.get("/healthz").status_code == 200
        assert running.client.get("/docs").status_code == 200
        settings.state.api_keys.write_bytes(whole)
        assert running.client.get("/models", headers=key).status_code == 200


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"])
def test_loopback_when_a_proxy_asks(tmp_path: Path, header: str) -> None:
    """Who comes through a proxy of this machine needs a key."""
    with served(Settings(profile="oracle-linear", state_dir=tmp_path)) as running:
        assert running.client.get("/models", headers={header: "127.0.0.1"}).status_code == 401
        assert "ratelimit" not in running.client.get("/models").headers


def test_failures_when_somebody_guesses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while they are refused without being looked at; a key that holds is let in all the same."""
    monkeypatch.setattr(rates, "FAILURES_PER_MINUTE", 6)
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, keyless="nobody")
    key = new_key(ApiKeyStore(settings.state.api_keys), Scope.READ)
    with served(settings) as running:
        wait_for_a_new_minute()
        statuses = [running.client.get("/models", headers=bearer(f"rk_{number}")).status_code for number in range(9)]
        assert statuses == [401] * 6 + [429] * 3
        assert running.client.get("/models", headers=key).status_code == 200


def test_description_when_keys_are_needed(closed: Served, tmp_path: Path) -> None:
    """It says which scope opens what, and that no key is needed where that is so."""
    paths = closed.client.get("/openapi.json").json()["paths"]
    assert paths["/predict"]["post"]["security"] == [{"key": ["predict"]}]
    assert paths["/healthz"]["get"]["security"] == []
    assert {"401", "403", "421", "429"} <= set(paths["/predict"]["post"]["responses"])
    with served(Settings(profile="oracle-linear", state_dir=tmp_path)) as running:
        paths = running.client.get("/openapi.json").json()["paths"]
        assert paths["/predict"]["post"]["security"] == [{}, {"key": ["predict"]}]
