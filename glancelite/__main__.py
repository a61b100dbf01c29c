"""`glancelite`, and `python -m glancelite`."""

import sys

from glancelite import __version__


def main() -> None:
    """The console script. What needs nothing to be loaded does not wait for it: scripts ask for the version often."""
    if sys.argv[1:] == ["--version"] and sys.stdout is not None:
        try:
            print(f"glancelite {__version__}", flush=True)
            return
        except OSError:
            pass  # the command line knows what to say of it
    import signal

    # There is nothing to take back before the command line is loaded: until then Ctrl-C ends it without a traceback.
    is_heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if is_heard:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from glancelite.cli import main as run

    if is_heard:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    run()


if __name__ == "__main__":
    main()
