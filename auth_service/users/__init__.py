"""The people who sign in: who they are, and how a password is checked, chosen and kept.

Owns: the user record, password hashing, the rules for new passwords, the directory that joins them.
Does not own: sessions, the sign-in form, limits on attempts, or where records are kept (storage/users.py).
Upholds invariant 4: passwords leave this package as argon2id hashes only.
"""
