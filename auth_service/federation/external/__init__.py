"""Sign-in on a page of the operator, whose backend signs an assertion for this server."""
