"""Markdown as lines of a terminal.

    source ─▶ cuts (what can no longer change) ─▶ parser (tokens) ─▶ blocks (lines) ─▶ rows

One widget shows a whole answer: a widget for every paragraph and list item, as Textual's own
Markdown has, costs more with every block on the screen.
"""
