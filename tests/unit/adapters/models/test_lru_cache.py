"""What stays in memory: what was asked for last."""

import pytest

from adapters.models.lru_cache import LruCache


class Loading:
    """Loads texts of as many bytes as letters, and remembers which."""

    def __init__(self) -> None:
        self.loaded: list[str] = []

    def __call__(self, key: str) -> str:
        if key == "refused":
            raise FileNotFoundError
        self.loaded.append(key)
        return key


@pytest.fixture
def loading() -> Loading:
    return Loading()


def test_value_when_it_is_asked_for_again(loading: Loading) -> None:
    """It is loaded once."""
    resident = LruCache(loading, len, max_bytes=6)

    assert [resident(key) for key in ("aa", "bb", "aa", "bb")] == ["aa", "bb", "aa", "bb"]
    assert loading.loaded == ["aa", "bb"]


def test_value_when_there_is_no_room(loading: Loading) -> None:
    """What was not asked for longest goes, and only as much as must."""
    resident = LruCache(loading, len, max_bytes=6)
    for key in ("aa", "bb", "cc", "aa", "dd"):
        resident(key)
    resident("aa")
    resident("cc")
    assert loading.loaded == ["aa", "bb", "cc", "dd"]

    resident("bb")
    assert loading.loaded[-1] == "bb"


def test_value_when_a_large_one_comes(loading: Loading) -> None:
    """It takes the place of several small ones."""
    resident = LruCache(loading, len, max_bytes=6)
    for key in ("a", "b", "cc", "large", "b", "cc", "a"):
        resident(key)

    assert loading.loaded == ["a", "b", "cc", "large", "b", "cc", "a"]


@pytest.mark.parametrize("max_bytes", [0, 3])
def test_value_that_is_over_the_limit(loading: Loading, max_bytes: int) -> None:
    """The latest always stays, alone."""
    resident = LruCache(loading, len, max_bytes)
    assert [resident(key) for key in ("large", "large", "huger", "large")] == ["large", "large", "huger", "large"]
    assert loading.loaded == ["large", "huger", "large"]


def test_value_that_cannot_be_loaded(loading: Loading) -> None:
    """Nothing is kept of it, and what was there stays."""
    resident = LruCache(loading, len, max_bytes=6)
    resident("aa")
    with pytest.raises(FileNotFoundError):
        resident("refused")
    resident("aa")

    assert loading.loaded == ["aa"]


def test_value_that_grows() -> None:
    """Its size counts as it is when a value is asked for."""
    loaded: list[str] = []

    def load(key: str) -> list[str]:
        loaded.append(key)
        return [key]

    resident = LruCache(load, len, max_bytes=3)
    for key in ("a", "b"):
        resident(key)
    assert resident.held_bytes == 2

    resident("b").extend("bb")
    resident("b")
    resident("a")
    assert loaded == ["a", "b", "a"]


def test_memory_when_values_have_gone(loading: Loading) -> None:
    """It is given back once for all that went, after they did, and not while nothing goes."""
    sizes: list[int] = []
    resident = LruCache(loading, len, 6, lambda: sizes.append(resident.held_bytes))
    for key in ("aa", "bb", "cc", "aa", "huger!"):
        resident(key)

    assert sizes == [6]
