"""Examples of protected servers, each used by a test."""
