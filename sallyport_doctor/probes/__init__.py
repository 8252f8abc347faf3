"""Asking. Owns: every request that the doctor sends without a sign-in, one file per area.

Does not own: any judgement. A probe records what came and decides only what to ask next.
"""
