"""`python -m shared.doctor URL`: see docs/doctor.md."""

from shared.doctor.cli import app

app(prog_name="python -m shared.doctor")
