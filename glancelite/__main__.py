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
    from glancelite.cli import main as run

    run()


if __name__ == "__main__":
    main()
