"""The pages for a user who opens an address of this service in a browser: how to add the server to a client.

Owns: the instructions for each client, template and style sheet, and which error a browser sees as which page.
Does not own: the answer that programs get (guard/errors.py).
Upholds invariant 1: addresses come from the settings; a page holds nothing of a request.
"""
