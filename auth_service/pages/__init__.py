"""The HTML pages: sign-in, consent, continue, account, errors.

Owns: templates and style sheet, the view of each page, the catalogue of texts, and the filters that make untrusted text
safe to show.
Does not own: when a page is shown or what a form does (the packages with endpoints), scope descriptions (resources/),
security headers (shared/http/page_headers.py).
Upholds invariant 7: the consent page always names the host of the redirect URI.
"""
