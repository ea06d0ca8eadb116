"""What is stored on disk: `StateFolder` in `adapters/settings.py` has every path of it.

tensors.py        images/        canonical tensors, each a file named by its sha256
tasks.py          tasks/         a JSON file for each task, replaced whole under a lock
adaptations.py    adaptations/   what was adapted, in folders that are named by digest and never change
"""
