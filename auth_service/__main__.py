"""Run the command line: python -m auth_service."""

from auth_service.commands.app import app

if __name__ == "__main__":
    app(prog_name="python -m auth_service")
