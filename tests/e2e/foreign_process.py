"""A server of another project as a process."""

import asyncio
import contextlib


@contextlib.asynccontextmanager
async def serving(port, *command, cwd=None):
    """A server as a process, once it listens. Fails with what it printed if it does not."""
    process = await asyncio.create_subprocess_exec(
        *map(str, command), cwd=cwd, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    said = asyncio.create_task(process.stdout.read())
    try:
        async with asyncio.timeout(60):
            while not await listens(port):
                assert process.returncode is None, (await said).decode()
                await asyncio.sleep(0.1)
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        await said


async def listens(port):
    try:
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True
