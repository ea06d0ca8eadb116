"""A noise key for tests, which everybody knows: to make one takes some tenths of a second."""

from pathlib import Path
from typing import cast

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from adapters.certificates.vrf import NoiseKey
from adapters.contract.certificate_parts import Hardware

NOISE_KEY_FILE = Path(__file__).parent / "data" / "noise_key.pem"
NOISE_KEY = NoiseKey(cast(RSAPrivateKey, load_pem_private_key(NOISE_KEY_FILE.read_bytes(), None)))
HARDWARE = Hardware(processor="a processor", threads=2)
