"""One file per grant type: validate everything, then consume atomically, then issue (invariant 3)."""
