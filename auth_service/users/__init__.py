"""User accounts: the record, its repository, password hashing, and the rules for new passwords.

Does not own: sessions, the sign-in form, limits on attempts.
Upholds invariant 4: passwords leave this package as argon2id hashes only.
"""
