"""Text of users in other languages: a label or a file name says nothing but itself, whatever it holds."""

import re

MARKDOWN = re.compile(r"([\\`*_\[\]<>#|~$&])")
LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "±": r"$\pm$",
    "\N{MINUS SIGN}": "$-$",
    "ε": r"$\varepsilon$",
    "σ": r"$\sigma$",
}


def one_line(text: str) -> str:
    """Without line breaks, and without characters that are not shown."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def markdown(text: str) -> str:
    """For a cell of a table, or a sentence."""
    return MARKDOWN.sub(r"\\\1", one_line(text))


def latex(text: str) -> str:
    """For a cell of a table."""
    return "".join(LATEX.get(sign, sign) for sign in one_line(text))
