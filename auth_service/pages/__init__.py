"""Templates and style sheet for people: sign in, consent, going on, the person's page, errors.

Owns: what a page looks like and says, its security headers, and the making-safe of text that strangers chose.
Does not own: when a page is shown, what a form does, or which words describe a scope (endpoints/, protocol/).
"""
