"""The operator's command line: python -m auth_service.

Owns: the commands, their input, output and exit status. Does not own: any rule; a command calls the package that owns
it. Commands read the AUTH_* settings of the service and use the same Redis; none needs the service to run.

Exit status: 0 done; 1 failed, or not found; 2 wrong usage; 3 Redis unavailable; 4 wrong settings.
"""
