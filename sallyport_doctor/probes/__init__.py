"""Probes. Owns: every request that the doctor sends without registration or sign-in, one file per area.

Does not own: any rule. A probe records exchanges and decides only which request to send next.
"""
