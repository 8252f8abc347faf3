"""Sign-in on a page of your own: docs/external-sign-in.md."""
