"""Adaptations as the service reads them."""

from functools import lru_cache

from adapters.store.adaptations import AdaptationStore, StoredAdaptation

KEPT = 32


class AdaptationCache:
    """Those that were read are kept in mind, so that their large files are checked once and not at each picture."""

    def __init__(self, store: AdaptationStore) -> None:
        self._store = store
        self._get = lru_cache(KEPT)(store.about)

    def get(self, digest: str) -> StoredAdaptation:
        """Raises StoredTaskError when it is missing or damaged."""
        return self._get(digest)

    def delete(self, digest: str) -> None:
        self._store.delete(digest)
        self._get.cache_clear()
