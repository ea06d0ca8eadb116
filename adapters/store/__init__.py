"""What is stored: in the state folder, of which `StateFolder` in `adapters/settings.py` has every path, or elsewhere.

objects.py        the seam below all that API and workers share: folder.py, object_store.py
places.py         which of them the settings name
tensors.py        images/        canonical tensors, each named by its sha256
tasks.py          tasks/         a JSON document for each task, replaced if it is still what was read
adaptations.py    adaptations/   what was adapted, named by digest, which never changes; models are read from files
outcomes.py       outcomes/      what was answered, one for each question of an owner below each image
previews.py       previews/      the pictures of previews, below the preview of an owner
ledger.py         ledger/        what was given out, one entry for each answer until they are added up
copying.py                       all of this from one place to another

Of each machine alone:

adapting.py       adapting/      the work of adaptations that are under way
disk_cache.py     cache/         copies of what is in an object store
api_keys.py       api_keys.json  the keys that callers have, as digests
pruning.py                       what nobody needs any more of all this
"""
