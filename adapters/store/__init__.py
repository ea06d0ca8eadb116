"""What is stored on disk: `StateFolder` in `adapters/settings.py` has every path of it.

tensors.py        images/        canonical tensors, each a file named by its sha256
tasks.py          tasks/         a JSON file for each task, replaced whole under a lock
adaptations.py    adaptations/   what was adapted, in folders that are named by digest and never change
adapting.py       adapting/      the work of adaptations that are under way
outcomes.py       outcomes/      what was answered, a file for each question of an owner in a folder for each image
api_keys.py       api_keys.json  the keys that callers have, as digests
pruning.py                       what nobody needs any more of all this
"""
