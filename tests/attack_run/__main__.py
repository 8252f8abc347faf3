"""`make attack`: play the attacks against a pair of services as processes, and print what each kind cost."""

from __future__ import annotations

import argparse
import asyncio
import os
import resource
import sys

from tests.attack_run.figures import HEAD, row, verdicts
from tests.attack_run.kinds import KINDS
from tests.attack_run.pairs import running_pair
from tests.attack_run.play import play
from tests.attack_run.target import Target

PASSWORD_VARIABLE = "ATTACK_PASSWORD"
DESCRIPTORS = 8192


async def run(kinds: list[str], log_format: str) -> bool:
    """Play the kinds with one log format, on a pair for each form; whether every bound held."""
    held = True
    for form in dict.fromkeys(KINDS[kind].pair for kind in kinds):
        async with running_pair(form, log_format) as target:
            held = await show([kind for kind in kinds if KINDS[kind].pair == form], target, log_format) and held
    return held


async def show(kinds: list[str], target: Target, log_format: str) -> bool:
    """Play the kinds against one target and print their rows; whether every bound held."""
    held = True
    for kind in kinds:
        figures = await play(kind, target)
        print(row(kind, log_format, figures), flush=True)
        for line in (found := verdicts(figures, KINDS[kind].bounds)):
            print(f"  FAILED: {line}", flush=True)
        held = held and not found
    return held


def playable(kinds: list[str], target: Target) -> list[str]:
    """The kinds that can be played against a pair that was started elsewhere; names the others."""
    found = [k for k in kinds if not KINDS[k].needs_own_pair and (target.username or not KINDS[k].needs_user)]
    if left_out := [kind for kind in kinds if kind not in found]:
        print(f"left out: {', '.join(left_out)} (a pair of this run is needed, or --username)", flush=True)
    return found


def main() -> int:
    """Choose the kinds, play them, and fail when a bound does not hold."""
    parser = argparse.ArgumentParser(prog="make attack", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all without one")
    parser.add_argument("--log-format", choices=("console", "json"), help="one format instead of both")
    parser.add_argument("--auth", metavar="URL", help="the issuer of a pair that is running on this machine")
    parser.add_argument("--mcp", metavar="URL", help="its resource")
    parser.add_argument("--username", default="", help=f"a user of it, with the password in {PASSWORD_VARIABLE}")
    chosen = parser.parse_args()
    if unknown := set(chosen.kinds) - set(KINDS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    if bool(chosen.auth) != bool(chosen.mcp):
        parser.error("--auth and --mcp are given together")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, DESCRIPTORS), hard))
    kinds = chosen.kinds or list(KINDS)
    if chosen.auth:
        password = os.environ.get(PASSWORD_VARIABLE, "")
        try:
            target = Target(chosen.auth, chosen.mcp, chosen.username, password)
        except ValueError as exc:
            parser.error(str(exc))
        kinds = playable(kinds, target)
        print(HEAD)
        return 0 if asyncio.run(show(kinds, target, "-")) else 1
    print(HEAD)
    formats = [chosen.log_format] if chosen.log_format else ["console", "json"]
    held = [
        asyncio.run(run([k for k in kinds if not (KINDS[k].once and log_format != formats[0])], log_format))
        for log_format in formats
    ]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
