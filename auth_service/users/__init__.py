"""User accounts.

Owns: the record of a user, the identities that are linked to it, their repository, password hashing with its queue, and
the rules for new passwords.
Does not own: which account an identity gets (federation/), sessions (sessions/), the sign-in form and the limits on
attempts (sign_in/).
Upholds invariants 4 (passwords leave this package as argon2id hashes only) and 13 (an identity belongs to one user).
"""
