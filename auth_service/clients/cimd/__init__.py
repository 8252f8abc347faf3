"""Client ID metadata documents (CIMD): rules, bundled copies, stored copies, the resolver."""
