"""Text for a terminal: its width in columns, and how to keep foreign control characters from acting there."""

import unicodedata


def printable(text: str) -> str:
    """The text with control characters written as escapes, for what others wrote must not steer our terminal."""
    if text.isprintable():
        return text
    return "".join(
        char if char == "\n" or char.isprintable() else char.encode("unicode_escape").decode() for char in text
    )


def width(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
