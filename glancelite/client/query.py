"""How values are written in the filters of a list."""


def filter_value(text: str) -> str:
    """A list filter's value that means exactly this text."""
    return f"eq:{text}" if ":" in text else text
