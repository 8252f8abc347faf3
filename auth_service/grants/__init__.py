"""One file per grant type: validate everything, then consume atomically, then mint (invariant 3)."""
