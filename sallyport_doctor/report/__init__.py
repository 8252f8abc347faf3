"""Writing it down. Owns: the forms of a diagnosis (for people, JSON, SARIF) and the page of one finding.

Does not own: any judgement, and no text that belongs to a finding.
"""
