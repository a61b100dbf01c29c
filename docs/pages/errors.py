"""The errors, from their classes."""

from docs.pages.markdown import code, compose, table
from glancelite.errors import ERRORS, ConfigError, GlanceliteError

INTRO = """
An error is one sentence in the form that `Accept` asks for: JSON where `application/json` is named, plain
text where only `text/plain` is, HTML otherwise (also for `*/*` and for an empty Accept). In JSON:

```json
{"message": "No image found with ID 42", "code": "404 Not Found", "title": "Not Found"}
```

`{…}` stands for what the request named. A code is how glancelite's own parts name an error to each other, on
the registry's wire; it is not in the answer to a client.
"""


def page() -> str:
    """docs/reference/errors.md"""
    found = sorted(ERRORS.values(), key=lambda error: (error.status, error.code))
    rows = [(error.status, code(error.code), _say(error)) for error in found if error is not ConfigError]
    start = f"`{ConfigError.code}` is no answer: it stops the start of a service or command with its sentence."
    return compose("Errors", "glancelite/errors.py", INTRO, table(("Status", "Code", "Message"), rows), start)


def _say(error: type[GlanceliteError]) -> str:
    return "a sentence that depends on what was wrong" if error.message == "{reason}" else error.message
