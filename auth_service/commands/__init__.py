"""The command line of the operator: python -m auth_service.

Owns: the commands, how they ask, print and fail. Does not own: any rule; a command calls the room that has it.
Commands read the same AUTH_* settings as the service and reach the same store; none needs the service to run.

Exit status: 0 done; 1 refused, or not found; 2 wrong usage; 3 the store did not answer; 4 the settings are wrong.
"""
