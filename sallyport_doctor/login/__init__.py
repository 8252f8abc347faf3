"""Going in. Owns: registering as a client, the whole authorization code flow, and the examination of a token.

Does not own: any judgement. What was seen goes into frozen records for the rules. Whatever was registered is deleted
again where the server can, what was granted is revoked, and no credential outlives the run.
"""
