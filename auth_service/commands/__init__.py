"""The command line of the operator, python -m auth_service."""
