"""`python -m glancelite.cli` is the `glancelite` command."""

from . import main

main()
