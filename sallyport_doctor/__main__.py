"""`python -m sallyport_doctor URL`: see docs/doctor.md."""

from sallyport_doctor.cli import app

app(prog_name="python -m sallyport_doctor")
