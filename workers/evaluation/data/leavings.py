"""What is left out of a data set: counted by reason, the first few named."""

from workers.evaluation.data.dataset import LeftOut

HIDDEN = "hidden, or made by a system"
NO_PICTURE = "no picture of a kind that is read"
DANGLING = "neither a file nor a folder"
ROUND = "link to a folder that it lies in"
CLOSED = "folder that may not be read"
BESIDE = "picture beside files of many images"
NO_CLASS = "in no class folder"
EMPTY_CLASS = "empty class folder: a label without images"
OTHER_FOLDER = "folder of other files: no class"
NOT_LISTED = "not in the table of labels"
MOST_NAMED = 20

SYSTEM_NAMES = frozenset(
    {"__MACOSX", "__pycache__", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"}
    | {"Thumbs.db", "desktop.ini", "Icon\r"}
)
"""What systems and programs put into people's folders, beside all that begins with a dot (AppleDouble's `._` too)."""


class Leavings:
    """Collects what is left out, in the order in which it is met."""

    def __init__(self) -> None:
        self.found: dict[str, tuple[int, list[str]]] = {}

    def add(self, reason: str, name: str) -> None:
        count, names = self.found.get(reason, (0, []))
        if count < MOST_NAMED:
            names.append(shown(name))
        self.found[reason] = (count + 1, names)

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        return tuple(LeftOut(reason, count, tuple(names)) for reason, (count, names) in sorted(self.found.items()))


def shown(name: str) -> str:
    """A file's name as text, whatever bytes it has: those that are no UTF-8 as escapes."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def is_hidden(name: str) -> bool:
    return name.startswith(".") or name in SYSTEM_NAMES
