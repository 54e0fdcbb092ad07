"""The history: conversations in an SQLite file of the user's own.

::

    store = Store.open()                      # never fails: at worst it keeps nothing
    session = Session(engine, recorder=store) # saves each turn as it streams
    store.conversations(limit=50)             # Summary, newest first, pinned ones before
    store.search("prime num", thoughts=True)  # Hit, newest first
    loaded = store.load(id)                   # Loaded: summary, conversation, model, budget
    store.take_notices()                      # what the user should know, one line each
    store.close()                             # writes what is still waiting

Calls that write return at once: a thread of the store's own does the work, in order. `flush`
waits for it. Calls that read use connections of their own and may be made from any thread. What
is read is as it was written, by whomever: it is checked here, and whoever shows it sanitises it.
"""

from __future__ import annotations

from r1chat.store.store import Store
from r1chat.store.titles import title_of
from r1chat.store.values import SHORT, Figures, Filter, Hit, Loaded, Summary

__all__ = ["SHORT", "Figures", "Filter", "Hit", "Loaded", "Store", "Summary", "title_of"]
