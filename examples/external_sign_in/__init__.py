"""Sign-in on a page of your own: docs/providers/external.md."""
