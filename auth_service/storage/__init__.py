"""The only place that names a Redis key; one Lua script per atomic step, its invariant in its header."""
