"""Programs of node with their packages, installed beside the checkout and kept for the next run."""

import shutil
import subprocess
from pathlib import Path
from typing import Final

BUILD: Final = Path(__file__).parents[2] / "build"


def install_node_packages(scripts: Path, name: str) -> Path:
    """Copy the programs and their package.json, and install what it lists; the directory where all is."""
    directory = BUILD / name
    directory.mkdir(parents=True, exist_ok=True)
    for script in scripts.glob("*.*js*"):
        shutil.copy(script, directory)
    subprocess.run(
        ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"],
        cwd=directory,
        check=True,
        timeout=540,
    )
    return directory
