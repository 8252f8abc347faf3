"""What ties a browser to what it is doing: its secret, the interaction under way, who is signed in.

Owns: the cookies, CSRF values, and the records behind them.
Does not own: what a person may do (users/), what an interaction grants (grants/).
"""
