"""Many runs of a program that is loaded once, by the program's own Python.

Reads a command a line, as JSON with its words, its whole environment and its folder, and answers with a line: exit code
and output, a character a byte. Each command has a process of its own, forked from this one, so none knows of another.
"""

import json
import os
import sys
import tempfile
import traceback


def serve(main, open_stdin):
    """Run `main` for each line; `open_stdin` gives the descriptor that it has as standard input."""
    for line in sys.stdin:
        print(json.dumps(run(main, open_stdin, **json.loads(line))), flush=True)


def run(main, open_stdin, words, environ, folder):
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = os.fork()
        if child == 0:
            for number, file in enumerate((open_stdin(), out.fileno(), err.fileno())):
                os.dup2(file, number)
            os.environ.clear()
            os.environ.update(environ)
            sys.argv[1:] = words
            os._exit(go(main, folder))
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        printed = [file.read().decode("latin-1") for file in (out, err)]
    return {"code": os.waitstatus_to_exitcode(status), "out": printed[0], "err": printed[1]}


def go(main, folder):
    try:
        os.chdir(folder)
        return main() or 0
    except SystemExit as end:
        return end.code or 0
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
