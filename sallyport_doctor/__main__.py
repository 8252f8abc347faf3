"""`python -m sallyport_doctor URL`, the same as the command `sallyport-doctor`: see docs/doctor.md."""

import sys
from pathlib import Path

from sallyport_doctor.cli import app

# The interpreter that has the packages, so that commands in the report can be pasted: of a virtual environment below
# the current directory by its path.
_executable, _here = Path(sys.executable), Path.cwd()
_python = _executable.relative_to(_here) if _executable.is_relative_to(_here) else Path("python")

app(prog_name=f"{_python} -m sallyport_doctor")
