"""Templates and style sheet for people: sign in, consent, continue, errors, account."""
