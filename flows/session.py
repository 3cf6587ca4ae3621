"""The session: everything a conversation has to remember between two messages.

A session is a value. It can be packed into bytes and opened again between any two turns without
changing what happens next; the tests do so after every turn. There is no cursor in it: where a
family stands follows from its answers (`flows/shape.py`).
"""
