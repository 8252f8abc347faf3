"""Structured logs on standard error: JSON for machines, aligned text for a terminal.

Owns: the configuration of structlog and of the standard library's loggers, how a line is rendered and bounded, and
the thread that writes. Does not own: what is logged, and when.
"""
