"""What is known: the catalogue of findings and the table of clients, as data with sources.

Owns: reading those files into records. Does not own: any decision. To keep it current, change the data, not the code.
"""
