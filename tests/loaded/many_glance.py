"""The unmodified `glance`, many times. Standard input is a terminal, for it would take any other for image data."""

import contextlib
import io
import pty
import sys

from glanceclient.shell import main
from many import serve

NOWHERE = "http://127.0.0.1:9"


def warm_up():
    """Have the program load what it loads late, once for all: it fails, for nobody is there."""
    sys.argv[1:] = ["--os-auth-token", "t", "--os-image-url", NOWHERE, "image-list"]
    with contextlib.redirect_stderr(io.StringIO()), contextlib.suppress(SystemExit):
        main()


warm_up()
serve(main, lambda: pty.openpty()[1])
