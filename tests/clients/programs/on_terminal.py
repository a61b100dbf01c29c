"""Runs a program with a terminal as its standard input: PROGRAM WORDS… Some take any other input for image data."""

import os
import pty
import sys

ours, theirs = pty.openpty()
os.set_inheritable(ours, True)  # a terminal whose other end is closed is none
os.dup2(theirs, 0)
os.execv(sys.argv[1], sys.argv[1:])
