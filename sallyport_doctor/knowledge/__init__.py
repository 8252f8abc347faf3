"""The knowledge base: the catalogue of findings and the client table, as TOML with sources.

Owns: reading these files into records. Does not own: any rule. Updates change the data, not the code.
"""
