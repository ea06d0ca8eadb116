"""Names, pages and prefixes over real HTTP: what a browser may be made to do, and what not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.settings import Settings
from tests.serving import Served, served

PAGE = "https://page.example.org"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A service as it starts on somebody's own machine."""
    with served(Settings(profile="oracle-linear", state_dir=tmp_path_factory.mktemp("state"))) as running:
        yield running


@pytest.mark.parametrize("path", ["/models", "/healthz", "/nowhere", "/docs", "/certificates/key"])
@pytest.mark.parametrize("host", ["evil.com", "127.0.0.1.evil.com", "0.0.0.0", "[::2]:8000"])
def test_host_when_a_name_was_made_to_point_here(here: Served, path: str, host: str) -> None:
    """Whatever is asked for, it is not here by that name."""
    response = here.client.get(path, headers={"Host": host})
    assert (response.status_code, response.json()["type"]) == (421, "/problems/foreign-host")


@pytest.mark.parametrize("host", ["localhost@evil.com", "evil.com/localhost", "localhost:x"])
def test_host_when_it_is_none(here: Served, host: str) -> None:
    """It is a bad request, in a problem document."""
    response = here.client.get("/models", headers={"Host": host})
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.:1", "127.0.0.1:80", "[::1]"])
def test_host_when_it_is_this_machine(here: Served, host: str) -> None:
    """By any name of its own it answers."""
    assert here.client.get("/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.com"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/predict"), ("POST", "/certify"), ("POST", "/adapt"),
                                              ("DELETE", "/tasks/cats"), ("POST", "/certificates/verify")])  # fmt: skip
def test_form_when_a_foreign_page_sends_it(here: Served, method: str, path: str, headers: dict[str, str]) -> None:
    """It is refused before it is read."""
    form = {"files": {"image": b"x"}} if method == "POST" else {}
    response = here.client.request(method, path, headers=headers, **form)  # type: ignore[arg-type]
    assert (response.status_code, response.json()["type"]) == (403, "/problems/foreign-origin")


def test_page_when_it_is_our_own(here: Served) -> None:
    """Swagger UI at /docs may ask for whatever it likes."""
    own = {"Origin": f"http://127.0.0.1:{here.port}", "Sec-Fetch-Site": "same-origin"}
    assert here.client.post("/plan", headers=own, json={"target_radius": 0.1}).status_code == 200


def test_page_when_no_origin_is_allowed(here: Served) -> None:
    """No answer can be read by another page, and a browser that asks first is told no."""
    assert "access-control-allow-origin" not in here.client.get("/models", headers={"Origin": PAGE}).headers
    asking = {"Origin": PAGE, "Access-Control-Request-Method": "POST"}
    assert here.client.options("/predict", headers=asking).status_code == 403


def test_page_when_the_operator_allows_it(tmp_path: Path) -> None:
    """A browser that asks first is told what it may; answers can be read, refusals too. Others stay out."""
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, keyless="nobody", allowed_origins=PAGE)
    with served(settings) as running:
        asking = {"Origin": PAGE, "Access-Control-Request-Method": "DELETE"}
        asking["Access-Control-Request-Headers"] = "authorization, idempotency-key"
        told = running.client.options("/jobs/x", headers=asking)
        assert (told.status_code, told.headers["access-control-allow-origin"]) == (200, PAGE)
        assert "DELETE" in told.headers["access-control-allow-methods"]
        assert "authorization" in told.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in told.headers

        refused = running.client.post("/predict", headers={"Origin": PAGE, "Sec-Fetch-Site": "cross-site"})
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, PAGE)
        assert "Origin" in refused.headers["vary"]
        assert "Retry-After" in refused.headers["access-control-expose-headers"]

        other = {**asking, "Origin": "https://evil.com"}
        assert running.client.options("/jobs/x", headers=other).status_code == 403
        assert running.client.options("/jobs/x", headers={**asking, "Access-Control-Request-Method": "X"}).is_error


@pytest.mark.parametrize("shown", ["", "/some/where"], ids=["taken off", "left"])
def test_prefix_when_a_proxy_shows_us_under_one(tmp_path: Path, shown: str) -> None:
    """Routes are found whether the proxy takes the prefix off or not, and the description names it."""
    settings = Settings(profile="oracle-linear", state_dir=tmp_path, root_path="/some/where")
    with served(settings) as running:
        assert running.client.get(f"{shown}/models").status_code == 200
        assert running.client.get(f"{shown}/nowhere").status_code == 404
        assert running.client.get(f"{shown}/openapi.json").json()["servers"] == [{"url": "/some/where"}]
        assert running.client.get(f"{shown}/docs").status_code == 200


@pytest.mark.parametrize("path", ["/models", "/nowhere", "/healthz", "/openapi.json"])
def test_headers_when_a_route_says_nothing(here: Served, path: str) -> None:
    """Nothing is kept, shown in a frame, or taken for another type, and nobody is told what serves it."""
    headers = here.client.get(path).headers
    assert (headers["cache-control"], headers["x-content-type-options"]) == ("no-store", "nosniff")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert (headers["cross-origin-resource-policy"], headers["referrer-policy"]) == ("same-origin", "no-referrer")
    assert "server" not in headers
    assert "date" in headers


def test_policy_of_the_page_when_it_runs_its_own_script(here: Served) -> None:
    """The one script in the page is allowed by its digest, and no other is."""
    policy = here.client.get("/docs").headers["content-security-policy"]
    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert scripts.startswith("script-src 'self' 'sha256-")
    assert scripts.count("sha256-") == 1
    assert "unsafe" not in scripts
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
