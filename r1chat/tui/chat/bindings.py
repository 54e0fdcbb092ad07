"""The keys of the chat screen, each with its id, action and title."""

from __future__ import annotations

from textual.binding import Binding, BindingType

BINDINGS: list[BindingType] = [
    Binding("escape", "leave", "Stop", id="chat.stop", priority=True),
    # Browsers keep Ctrl+N and Ctrl+T to themselves: there the second keys are shown.
    Binding("ctrl+n,alt+a", "answer_now", "Answer now", id="chat.answer_now", priority=True),
    Binding("ctrl+t,alt+m", "think_more", "Think more", id="chat.think_more", priority=True),
    Binding("ctrl+s", "steer", "Pause and steer", id="chat.steer", priority=True),
    Binding("ctrl+g", "go_on", "Continue", id="chat.go_on", priority=True),
    Binding("ctrl+r", "regenerate", "Regenerate", id="chat.regenerate", priority=True),
    Binding("f2", "edit", "Edit", id="chat.edit"),
    # Ctrl+B is what tmux itself listens to.
    Binding("f5,ctrl+b", "slider", "Budget", id="chat.slider", priority=True),
    Binding("alt+p", "look_ahead", "Preview answer", id="chat.look_ahead", priority=True),
    Binding("f6", "attach", "Attach", id="chat.attach", priority=True, show=False),
    Binding("ctrl+o", "thoughts", "Thoughts", id="chat.thoughts", priority=True),
    Binding(
        "f7",
        "previous_moment",
        "Previous “wait”",
        id="chat.previous_wait",
        priority=True,
        show=False,
    ),
    Binding("f8", "next_moment", "Next “wait”", id="chat.next_wait", priority=True, show=False),
    Binding("f9", "begin_anew", "New conversation", id="chat.new", show=False),
    Binding("alt+left", "version(-1)", "Version before", id="chat.version-1", show=False),
    Binding("alt+right", "version(1)", "Version after", id="chat.version+1", show=False),
    # Ctrl+Y is redo where one writes.
    Binding("alt+y", "copy_answer", "Copy", id="chat.copy", priority=True, show=False),
    Binding("alt+c", "copy_code", "Copy code", id="chat.copy_code", priority=True, show=False),
    Binding("ctrl+l", "raw", "Show source", id="chat.raw", priority=True, show=False),
    Binding("pageup", "page(-1)", "Up", id="chat.page_up", priority=True, show=False),
    Binding("pagedown", "page(1)", "Down", id="chat.page_down", priority=True, show=False),
    Binding("end,ctrl+end", "tail", "Newest text", id="chat.tail", show=False),
    Binding("escape", "to_composer", "Composer", id="chat.to_composer", show=False),
    Binding("alt+k", "samples", "Samples", id="chat.samples", priority=True, show=False),
    Binding(
        "alt+r",
        "ask_samples",
        "Regenerate with samples",
        id="chat.ask_samples",
        priority=True,
        show=False,
    ),
    Binding("alt+l", "its_model", "Load its model", id="chat.its_model"),
    # Some terminals open a menu with F10.
    Binding("f10,alt+h", "panel", "History", id="chat.history", priority=True),
]
