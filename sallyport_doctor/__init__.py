"""The doctor: looks at an MCP server from outside and says what each real client will trip over.

Owns: asking (probes), judging (rules), the knowledge of clients and findings (data files), the report.
Does not own: any part of the two services. It imports neither, reads no setting of theirs, and works on any
MCP server; it keeps no credential and changes nothing unless it is told to register or to sign in.

The way of the data: probes ask and fill one frozen `Observation`; rules, pure functions, turn it into findings;
the client table turns findings into a verdict per client; a report writes them down.
"""
