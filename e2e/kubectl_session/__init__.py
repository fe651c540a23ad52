"""A long session with one kubectl: session.py runs and records its commands, the other modules are its chapters."""
