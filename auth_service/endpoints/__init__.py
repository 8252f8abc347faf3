"""One file per endpoint: parse, run the checks in a visible order, call a grant or a room, answer."""
