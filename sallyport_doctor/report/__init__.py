"""Reports. Owns: the formats of a diagnosis (text, JSON, SARIF, JUnit XML) and the explanation of one finding.

Does not own: any rule, and the texts of findings.
"""
