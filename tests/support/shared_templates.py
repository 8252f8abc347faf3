"""Templates compiled once for a run: each test has a service of its own, and compiling took a third of its time."""

from jinja2 import BytecodeCache


class CompiledTemplates(BytecodeCache):
    """In memory, for this process."""

    def __init__(self):
        self._compiled = {}

    def load_bytecode(self, bucket):
        if bucket.key in self._compiled:
            bucket.bytecode_from_string(self._compiled[bucket.key])

    def dump_bytecode(self, bucket):
        self._compiled[bucket.key] = bucket.bytecode_to_string()
