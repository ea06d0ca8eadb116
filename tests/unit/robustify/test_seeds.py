"""Seeds that anybody may make again."""

from robustify.smoothing.seeds import public_seed


def test_public_seed_when_it_is_made_again() -> None:
    """It is the same for the same purpose and name, 32 bytes, and another for any other."""
    seeds = {public_seed(purpose, name) for purpose in (b"evaluate", b"adapt") for name in ("x", "y", "")}

    assert public_seed(b"evaluate", "x") == public_seed(b"evaluate", "x")
    assert {len(seed) for seed in seeds} == {32}
    assert len(seeds) == 6


def test_public_seed_when_it_is_pinned() -> None:
    """HMAC-SHA256 of the name under the purpose: figures that were published can be made again."""
    expected = "294784d1f5cf6f86fdc3feff47c348d38bd7db1e392552dbf163652b8d59bfa6"
    assert public_seed(b"robustify evaluate", "name").hex() == expected
