"""The page that describes the API to people, over real HTTP: all of it comes from this server."""

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.api.conftest import Api

LINK = re.compile(r"""(?:src|href)="([^"]+)"|url: '([^']+)'""")


def test_page_when_there_is_no_internet(api: "Api") -> None:
    """The page names no other host, and whatever it loads is here."""
    response = api.client.get("/docs")
    assert response.status_code == 200
    assert "//" not in response.text
    links = [first or second for first, second in LINK.findall(response.text)]
    assert len(links) == 4
    for link in links:
        assert api.client.get(str(response.url.join(link))).status_code == 200, link


def test_style_when_it_is_loaded(api: "Api") -> None:
    """The style sheet loads nothing from another host."""
    style = api.client.get("/docs/swagger-ui.css")
    assert style.headers["content-type"].startswith("text/css")
    loaded = re.findall(r"""(?:url\(|@import)[\s"']*(.{5})""", style.text)
    assert set(loaded) == {"data:"}


def test_script_when_it_is_loaded(api: "Api") -> None:
    """It is a Swagger UI that knows OpenAPI 3.1 (since 5.0), told not to ask a validator on the internet."""
    script = api.client.get("/docs/swagger-ui-bundle.js")
    assert "javascript" in script.headers["content-type"]
    assert re.search(r'PACKAGE_VERSION:"5\.', script.text)
    assert '"validatorUrl": null' in api.client.get("/docs").text


@pytest.mark.parametrize("name", ["redoc.standalone.js", "..%2f__init__.py", "%2e%2e", "a" * 3000])
def test_file_when_the_page_does_not_need_it(api: "Api", name: str) -> None:
    """No other file is served."""
    response = api.client.get(f"/docs/{name}")
    assert (response.status_code, response.json()["type"]) == (404, "/problems/not-found")
