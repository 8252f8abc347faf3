"""The account page, and the page of the issuer's own URL.

Owns: the lists of applications with access, identities and browsers; the forms that end access, link and unlink
identities, change the password and sign browsers out.
Does not own: grants (grants/), which identities an account may have (federation/), password rules (users/), sessions
(sessions/), the templates (pages/).
Upholds invariants 9 (a form of another browser or user is rejected without disclosing anything) and 13 (an identity is
linked by a user who has just proved both).
"""
