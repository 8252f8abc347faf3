"""Rules. Owns: the pure functions that check evidence; each returns what was observed, or None.

Does not own: any request to a server, any client's name, and the texts of findings, which are data.
The name of a rule is the id of its finding, whose catalogue entry describes it; its module is the area. One fault
yields one finding: a specific rule returns None when a more general rule applies.
"""
