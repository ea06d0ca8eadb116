"""A model hub on this machine."""

from tests.fake_hub import hub

__all__ = ["hub"]
