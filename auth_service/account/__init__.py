"""The account page: applications with access, password change, sign-out.

Owns: the page's endpoint, the list of applications with access, the forms that end access, change the password and sign
out.
Does not own: grants (grants/), password rules (users/), sessions (sessions/), the page's template (pages/).
Upholds invariant 9: a form of another browser or user is rejected without disclosing anything.
"""
