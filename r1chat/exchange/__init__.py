"""Exports and imports conversations.

::

    for piece in markdown.write(conversations): ...     # also page, document, chat: text in pieces
    read(text)                                          # our own JSON, or JSON lines of messages

Every writer takes the conversations one after another, so that a long history need not fit into
memory. docs/history.md describes the forms.
"""
