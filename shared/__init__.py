"""What both doors must agree on, and nothing else.

Owns: the access-token profile, the scope grammar, the rules for configured URLs,
the plumbing of an HTTP service (references, refusals, health, metrics, logs) and the store connection.
Does not own: any rule of one service alone. Neither service imports the other; both import this.
"""
