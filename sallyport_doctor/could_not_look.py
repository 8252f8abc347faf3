"""Why there is no diagnosis at all: the command then ends with 2."""

from __future__ import annotations


class CouldNotLook(Exception):
    """There is nothing to examine, or nothing to examine it with. The text is for the person."""
