"""`python -m sallyport_doctor URL`, the same as the command `sallyport-doctor`: see docs/doctor.md."""

from sallyport_doctor.cli import app

app(prog_name="python -m sallyport_doctor")
