"""Two levels of seeds: what is revealed of one certificate tells nothing of another, and is what was committed to."""

import hashlib
import hmac

import pytest

from robustify.smoothing.lattice import SeededLatticeNoise
from robustify.smoothing.noise import SeededNoise
from robustify.smoothing.seeds import certificate_seed, commitment, sample_key

SHAPE = (3, 4, 4)


def test_keys_when_they_are_made_by_hand() -> None:
    """Seed, commitment and key are what their description says, so that others can write their own check."""
    seed = hmac.new(b"secret", b"some id", hashlib.sha256).digest()
    key = hmac.new(seed, b"estimate\x007", hashlib.sha256).digest()[:16]

    assert certificate_seed(b"secret", "some id") == seed
    assert commitment(seed) == hashlib.sha256(seed).hexdigest()
    assert sample_key(seed, "estimate", 7) == int.from_bytes(key, "little")


def test_seeds_when_certificates_or_secrets_differ() -> None:
    """Each has its own, and none contains the secret or the seed of another."""
    seeds = {certificate_seed(secret, name) for secret in (b"a" * 32, b"b" * 32) for name in ("x", "y", "")}

    assert len(seeds) == 6
    assert all(len(seed) == 32 for seed in seeds)
    assert SeededNoise(certificate_seed(b"a" * 32, "x"))("select", 0, SHAPE).tobytes() not in {
        SeededNoise(seed)("select", 0, SHAPE).tobytes() for seed in seeds - {certificate_seed(b"a" * 32, "x")}
    }


@pytest.mark.parametrize("phase", ["predict", "select", "estimate"])
def test_keys_when_the_noise_is_of_another_kind(phase: str) -> None:
    """Gaussian and lattice noise of one certificate share no key."""
    seed = certificate_seed(b"secret", "id")
    gaussian = {sample_key(seed, phase, index) for index in range(100)}
    lattice = {SeededLatticeNoise(certificate_seed(b"secret", "id"), 0.25).key(phase, index) for index in range(100)}

    assert len(gaussian | lattice) == 200
