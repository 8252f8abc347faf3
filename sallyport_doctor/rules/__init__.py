"""Judging. Owns: every rule, a pure function from what was seen to a phrase about it, or None when all is well.

Does not own: any question asked of a server, any client's name, and the texts of findings (those are data).
The function's name is the finding's id with underscores; its file is the area. One rule speaks per cause:
where a coarser rule has spoken, the finer one keeps still, so that one fault gives one finding.
"""
