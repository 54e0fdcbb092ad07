"""All actions of the app, declared once: id, keys, title, help, when they apply, what they need.

The declarations make the key bindings, the footer, the command palette, the help on F1, `r1chat
keys`, the tables in docs/keys.md and in the manual page, and the checks of a user's own keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

Need: TypeAlias = Literal["", "off", "close", "go_on", "peek"]

SECTIONS = {
    "thinking": "While the model thinks",
    "reply": "After a reply",
    "budget": "On the budget slider",
    "samples": "Several samples to a question",
    "thought": "In a thought (Tab or a click goes there)",
    "answer": "In an answer (Tab or a click goes there)",
    "history": "Conversations",
    "models": "On the models screen",
    "settings": "On the settings screen",
    "writing": "Writing and scrolling",
    "app": "App",
    "lists": "In dialogs and lists",
}
"""What the help says above the actions of a section, in its order."""
UNBOUND = "unbound"
"""A key that no keyboard has, for actions that have none until their user gives them one."""


FOOTER, PALETTE, FIRST = 1, 2, 4
"""Where an action is shown while it applies, and that its keys go before those of the widget that
has the focus: flags of `Action.where`. As numbers they cost no time at the start."""
BOTH = FOOTER | PALETTE


class Action(NamedTuple):
    """All that is known of an action beside what it does.

    Attributes:
        id: What it is called in the user's keys; before the dot stands the part of the app that
            does it.
        keys: Its keys as Textual names them, separated by commas; empty where it has none.
        title: What the footer and the palette call it.
        help: What it does, in one line.
        section: Where the help lists it, a key of `SECTIONS`.
        where: Where else it is shown: flags.
        runs: What Textual runs; by default what stands behind the dot of its id.
        when: The property of that part, or of what it is done to, which says whether it applies;
            empty where it always does.
        needs: The field of `engine.base.Steering` that says why a model cannot do it.
    """

    id: str
    keys: str
    title: str
    help: str
    section: str
    where: int = 0
    runs: str = ""
    when: str = ""
    needs: Need = ""

    @property
    def owner(self) -> str:
        """The part of the app that does it."""
        return self.id.partition(".")[0]

    @property
    def action(self) -> str:
        """What Textual runs, with its arguments."""
        return self.runs or self.id.partition(".")[2]

    @property
    def name(self) -> str:
        """What Textual runs, without arguments."""
        return self.action.partition("(")[0]


# fmt: off
ACTIONS: tuple[Action, ...] = (
    # -- the chat --
    Action("chat.stop", "escape", "Stop",
           "stop, and keep what there is", "thinking", BOTH | FIRST, when="can_stop"),
    # Browsers keep Ctrl+N and Ctrl+T to themselves: there the second keys are shown.
    Action("chat.answer_now", "ctrl+n,alt+a", "Answer now",
           "close the thought, so that the model answers",
           "thinking", BOTH | FIRST, when="can_answer_now", needs="close"),
    Action("chat.think_more", "ctrl+t,alt+m", "Think more",
           "keep thinking: replaces the next stop with “Wait,”; or reopens the thought",
           "thinking", BOTH | FIRST, when="can_think_more", needs="go_on"),
    Action("chat.steer", "ctrl+s", "Pause and steer",
           "pause, and add words to the thought",
           "thinking", BOTH | FIRST, when="has_one_thought", needs="go_on"),
    Action("chat.go_on", "ctrl+g", "Continue",
           "continue a stopped reply", "reply", BOTH | FIRST, when="can_continue", needs="go_on"),
    Action("chat.check_sum", "alt+q", "Check this sum",
           "think on from the wrong sum that was gone to: “Wait, let me check that”",
           "thought", BOTH, when="has_wrong_sums"),
    Action("chat.regenerate", "ctrl+r", "Regenerate",
           "another version of the reply", "reply", BOTH | FIRST, when="can_regenerate"),
    Action("chat.compare", "alt+v", "Compare with …",
           "another model, other settings or another version beside the last reply",
           "reply", PALETTE | FIRST, when="can_regenerate"),
    Action("chat.regenerate_with", "", "Regenerate with another model",
           "a version by another model; the conversation keeps its own",
           "reply", PALETTE | FIRST, when="can_regenerate"),
    Action("chat.edit", "f2", "Edit",
           "edit the question; again: the one before", "reply", BOTH, when="can_regenerate"),
    Action("chat.think_first", "alt+t", "Think first",
           "have a model think that would not by itself, or answer plainly again",
           "thinking", BOTH | FIRST, when="can_think_first"),
    # Ctrl+B is what tmux itself listens to.
    Action("chat.slider", "f5,ctrl+b", "Budget",
           "jump to the budget slider and back; changes apply immediately",
           "thinking", BOTH | FIRST, needs="off"),
    Action("chat.look_ahead", "alt+p", "Preview answer",
           "preview the answer; the thought continues",
           "thinking", BOTH | FIRST, when="has_one_thought", needs="peek"),
    Action("chat.attach", "f6", "Attach a file",
           "attach a file; pasting its path does it too",
           "writing", PALETTE | FIRST, when="is_outside_panel"),
    Action("chat.thoughts", "ctrl+o", "Thoughts",
           "open or close all thoughts", "thought", BOTH | FIRST),
    Action("chat.read", "alt+o", "Read thought",
           "read the thought on the whole screen: find, marks, source",
           "thought", PALETTE | FIRST),
    Action("chat.outline", "alt+i", "Outline",
           "the thought’s steps, checks, dead ends and restarts, to jump to and to fold",
           "thought", PALETTE | FIRST),
    Action("chat.previous_wait", "f7", "Previous “Wait”",
           "previous and next “Wait”, or wrong sum, of the last thought",
           "thought", PALETTE | FIRST, "previous_moment", "is_outside_panel"),
    Action("chat.next_wait", "f8", "Next “Wait”",
           "previous and next “Wait”, or wrong sum, of the last thought",
           "thought", PALETTE | FIRST, "next_moment", "is_outside_panel"),
    Action("chat.new", "f9", "New conversation",
           "a new conversation with the same model", "reply", PALETTE, "begin_anew"),
    Action("chat.version-1", "alt+left", "Previous version",
           "previous and next version of a reply, or sample", "reply", PALETTE, "version(-1)"),
    Action("chat.version+1", "alt+right", "Next version",
           "previous and next version of a reply, or sample", "reply", PALETTE, "version(1)"),
    # Ctrl+Y is redo where one writes.
    Action("chat.copy", "alt+y", "Copy answer",
           "copy the last answer, without its thought", "reply", PALETTE | FIRST, "copy_answer"),
    Action("chat.copy_code", "alt+c", "Copy code",
           "copy the last code block of the last answer", "reply", PALETTE | FIRST),
    Action("chat.raw", "ctrl+l", "Show source",
           "show the last thought and answer as the model wrote them", "reply", PALETTE | FIRST),
    Action("chat.confidence", "alt+d", "Show how sure it is",
           "shade in thoughts what the model was not sure of, with bars above; or not",
           "reply", PALETTE | FIRST),
    Action("chat.page_up", "pageup", "Scroll up",
           "scroll the conversation", "writing", FIRST, "page(-1)", "can_page"),
    Action("chat.page_down", "pagedown", "Scroll down",
           "scroll the conversation", "writing", FIRST, "page(1)", "can_page"),
    Action("chat.tail", "end,ctrl+end", "Newest text",
           "go to the line’s end, then to the newest text", "writing"),
    Action("chat.to_composer", "escape", "Composer", "go back to the text field", "writing"),
    Action("chat.samples", "alt+k", "Next number of samples",
           "draw 4, 8, 16 samples or one: the majority’s answer counts", "samples", FIRST),
    Action("chat.presets", "alt+w", "Preset",
           "instructions, budget and sampling by name, for this conversation", "app", PALETTE),
    Action("chat.choose_samples", "", "Samples",
           "choose how many samples are drawn for each question", "samples", PALETTE | FIRST),
    Action("chat.ask_samples", "alt+r", "Regenerate with samples",
           "ask the last question again with several samples",
           "samples", PALETTE | FIRST, when="can_regenerate"),
    Action("chat.its_model", "alt+l", "Load its model",
           "load the conversation's original model", "history", BOTH, when="has_other_model"),
    # Some terminals open a menu with F10.
    Action("chat.history", "f10,alt+h", "History",
           "list of conversations: typing searches, Enter opens", "history", BOTH | FIRST, "panel"),
    Action("chat.type_budget", "", "Type a budget",
           "type the budget: off, 512, 30s, auto or max",
           "budget", PALETTE | FIRST, when="has_budget"),
    Action("chat.type_minimum", "", "Type the minimum",
           "type how many tokens the model must think",
           "budget", PALETTE | FIRST, when="has_budget"),
    Action("chat.budget_unit", "", "Tokens or seconds",
           "count the budget in tokens or in seconds",
           "budget", PALETTE | FIRST, when="has_budget"),
    Action("chat.summarise", "alt+z", "Summarise earlier turns",
           "have the model sum up the turns it has no room for, or all but the last",
           "reply", PALETTE | FIRST, when="can_summarise"),
    Action("chat.edit_summary", "", "Edit the summary",
           "edit what the model reads in place of the oldest turns",
           "reply", PALETTE | FIRST, when="has_summary"),
    Action("chat.remove_summary", "", "Remove the summary",
           "have the model read those turns again",
           "reply", PALETTE | FIRST, when="has_summary"),
    Action("chat.rename", "", "Rename",
           "rename the conversation", "history", PALETTE | FIRST, "rename_this", "has_turns"),
    Action("chat.suggest_title", "", "Suggest a title",
           "have the model write a title to edit",
           "history", PALETTE | FIRST, when="can_suggest_title"),
    Action("chat.pin", "", "Pin",
           "pin the conversation to the top, or unpin it",
           "history", PALETTE | FIRST, "pin_this", "has_turns"),
    Action("chat.tag", "alt+j", "Tag",
           "give the conversation tags, by which it is found: #name in the list",
           "history", PALETTE | FIRST, "tag_this", "can_tag"),
    Action("chat.delete", "", "Delete the conversation",
           "delete the conversation; can be undone",
           "history", PALETTE | FIRST, "delete_this", "has_turns"),
    Action("chat.restore", "", "Undo the deletion",
           "restore the last deleted conversation", "history", PALETTE | FIRST, when="has_deleted"),
    Action("chat.duplicate", "", "Duplicate from here",
           "continue in a copy up to one of the turns",
           "history", PALETTE | FIRST, "duplicate_from", "has_turns"),
    Action("chat.export", "", "Export this conversation",
           "export the conversation as Markdown, HTML or JSON",
           "history", PALETTE | FIRST, when="has_turns"),
    Action("chat.statistics", "", "Statistics",
           "show tokens, times and speeds of all conversations", "history", PALETTE | FIRST),
    # -- its parts --
    Action("composer.send", "enter", "Send",
           "send; during a reply the question waits, ↑ takes it back", "writing"),
    Action("composer.new_line", "shift+enter,alt+enter,ctrl+j", "New line",
           "begin a new line", "writing"),
    Action("composer.earlier", "up", "Earlier question", "earlier and later questions", "writing"),
    Action("composer.later", "down", "Later question", "earlier and later questions", "writing"),
    Action("composer.search", "alt+e", "Earlier questions",
           "search earlier questions and take one up", "writing"),
    Action("composer.edit", "alt+x", "Editor",
           "write in your own editor: $VISUAL or $EDITOR", "writing"),
    Action("composer.undo", "ctrl+z", "Undo", "undo and redo, word by word", "writing"),
    # Few terminals tell Ctrl+Shift+Z from Ctrl+Z.
    Action("composer.redo", "ctrl+y,ctrl+shift+z", "Redo",
           "undo and redo, word by word", "writing"),
    Action("composer.quit", "ctrl+d", "Quit",
           "quit, where nothing is typed", "writing", runs="delete_or_quit"),
    Action("conversation.pageup", "pageup", "Earlier",
           "scroll the conversation", "writing", runs="earlier"),
    Action("conversation.pagedown", "pagedown", "Further",
           "scroll the conversation", "writing", runs="further"),
    Action("conversation.end", "end", "End",
           "go to the line’s end, then to the newest text", "writing", runs="tail"),
    Action("slider.less", "left", "Less",
           "a smaller, a larger budget", "budget", FOOTER, "step(-1)"),
    Action("slider.more", "right", "More",
           "a smaller, a larger budget", "budget", FOOTER, "step(1)"),
    Action("slider.much-less", "shift+left", "Much less",
           "a much smaller, a much larger budget", "budget", runs="step(-4)"),
    Action("slider.much-more", "shift+right", "Much more",
           "a much smaller, a much larger budget", "budget", runs="step(4)"),
    Action("slider.off", "home", "Off", "no thinking; no limit", "budget", FOOTER, "end('off')"),
    Action("slider.max", "end", "Max", "no thinking; no limit", "budget", FOOTER, "end('max')"),
    Action("slider.figure", "enter", "Type it",
           "type the budget: off, 512, 30s, auto or max", "budget", FOOTER, when="has_middle"),
    # No letters alone: these are the composer's, wherever the focus is.
    Action("slider.auto", "alt+u", "Auto",
           "think until a preview shows that it is sure", "budget", FOOTER, when="has_middle"),
    Action("slider.flat", "alt+end", "Plateau",
           "go to the mark ┴, where accuracy levels off", "budget", FOOTER, when="has_marks"),
    Action("slider.expected", "alt+home", "Usual",
           "go to the mark ┬, within which 8 in 10 such thoughts end", "budget", FOOTER,
           when="has_expected"),
    Action("slider.unit", "alt+s", "Tokens or seconds",
           "count in tokens or in seconds", "budget", FOOTER, when="has_middle"),
    Action("slider.minimum", "alt+n", "Minimum",
           "set the minimum that the model must think", "budget", FOOTER, when="has_middle"),
    Action("slider.min-less", "ctrl+left", "Lower minimum",
           "lower, raise the minimum", "budget", runs="step_minimum(-1)", when="has_middle"),
    Action("slider.min-more", "ctrl+right", "Raise minimum",
           "lower, raise the minimum", "budget", runs="step_minimum(1)", when="has_middle"),
    Action("slider.drop", "escape", "Back",
           "back from the minimum to the budget", "budget", FOOTER, when="editing_minimum"),
    Action("tally.previous", "left", "Previous sample",
           "previous and next sample, on the votes", "samples", FOOTER, "step(-1)"),
    Action("tally.next", "right", "Next sample",
           "previous and next sample, on the votes", "samples", FOOTER, "step(1)"),
    Action("thinking.toggle", "enter", "Open or close",
           "open or close the thought, on its header", "thought", FOOTER, "flip"),
    Action("thought.choose", "enter", "Back to here",
           "answer, or think again, from the chosen paragraph",
           "thought", FOOTER, when="has_cursor"),
    Action("thought.fork", "ctrl+k,alt+enter", "Samples from here",
           "draw several continuations from the chosen paragraph: the majority counts",
           "thought", FOOTER, when="has_cursor"),
    Action("thought.next_moment", "f8", "Next “Wait”",
           "next and previous “Wait”, or wrong sum, in this thought", "thought", FOOTER,
           when="has_moments"),
    Action("thought.previous_moment", "f7", "Previous “Wait”",
           "next and previous “Wait”, or wrong sum, in this thought", "thought", FOOTER,
           when="has_moments"),
    Action("thought.check_sum", "alt+q", "Check this sum",
           "think on from the wrong sum that was gone to: “Wait, let me check that”",
           "thought", FOOTER, when="has_wrong_sum"),
    # Where a desktop keeps the one for itself, the other gets through.
    Action("thought.next_paragraph", "ctrl+down,alt+down", "Next paragraph",
           "choose a paragraph of the thought", "thought", FOOTER, "move_cursor(1)"),
    Action("thought.previous_paragraph", "ctrl+up,alt+up", "Previous paragraph",
           "choose a paragraph of the thought", "thought", FOOTER, "move_cursor(-1)"),
    Action("thought.leave", "escape", "Leave paragraph",
           "leave the paragraph", "thought", when="has_cursor"),
    Action("reader.leave", "escape,alt+o", "Close",
           "close the search, then the reader", "thought", FOOTER | FIRST),
    Action("reader.outline", "alt+i", "Outline",
           "the thought’s steps, checks, dead ends and restarts, to jump to and to fold",
           "thought", FOOTER),
    Action("reader.find", "ctrl+f", "Find", "find in the thought; typing does it too",
           "thought", FOOTER),
    Action("reader.next", "down", "Next", "next and previous place found",
           "thought", FOOTER, "next_found", "has_found"),
    Action("reader.previous", "up", "Previous", "next and previous place found",
           "thought", FOOTER, "previous_found", "has_found"),
    Action("reader.newest", "end", "Newest", "go to the newest text", "thought", FOOTER),
    Action("reader.raw", "ctrl+l", "Show source",
           "show the thought as the model wrote it", "thought", FOOTER),
    Action("reader.copy", "alt+y", "Copy",
           "copy the whole thought", "thought", FOOTER, "copy_thought"),
    Action("outline.choose", "enter", "Read", "read the part, in the outline", "thought", FOOTER),
    Action("outline.fold", "left", "Fold",
           "fold the part to one line, unfold it", "thought", FOOTER, "fold(True)"),
    Action("outline.unfold", "right", "Unfold",
           "fold the part to one line, unfold it", "thought", FOOTER, "fold(False)"),
    Action("outline.fold_all", "shift+left", "Fold all",
           "fold all parts, unfold them", "thought", FOOTER, "fold_all(True)"),
    Action("outline.unfold_all", "shift+right", "Unfold all",
           "fold all parts, unfold them", "thought", FOOTER, "fold_all(False)"),
    *(Action(f"outline.{name}", key, title, about, "lists", 0, runs)
      for name, key, title, about, runs in (
          ("down", "down", "Down", "move up and down", "move(1)"),
          ("up", "up", "Up", "move up and down", "move(-1)"),
          ("page_down", "pagedown", "Page down", "move by a page", "page(1)"),
          ("page_up", "pageup", "Page up", "move by a page", "page(-1)"),
          ("first", "home", "First", "go to the first, the last", "move(-1000000)"),
          ("last", "end", "Last", "go to the first, the last", "move(1000000)"))),
    Action("answer.raw", "ctrl+l", "Show source",
           "show the answer as the model wrote it", "answer", FOOTER, "toggle_raw"),
    Action("answer.copy", "alt+y", "Copy",
           "copy the answer, without its thought", "answer", FOOTER, "copy_answer"),
    Action("answer.copy-code", "alt+c", "Copy code",
           "copy its last code block", "answer", FOOTER, "copy_code"),
    *(Action(f"answer.copy-code-{number}", f"alt+{number}", f"Copy code {number}",
             "copy its code block of that number", "answer", runs=f"copy_code({number})")
      for number in range(1, 10)),
    Action("history.leave", "escape", "Close", "close the list", "history", FOOTER),
    Action("history.rename", "f2", "Rename",
           "rename the chosen conversation", "history", FOOTER, when="has_entry"),
    Action("history.duplicate", "f6", "Duplicate",
           "continue in a copy; of a search result, up to that place",
           "history", FOOTER, when="has_entry"),
    Action("history.pin", "f7", "Pin",
           "pin the chosen conversation to the top, or unpin it",
           "history", FOOTER, when="has_entry"),
    Action("history.delete", "f8", "Delete",
           "delete the chosen conversation; can be undone", "history", FOOTER, when="has_entry"),
    Action("history.tag", "alt+j", "Tag",
           "give the chosen conversation tags; #name in the search finds them",
           "history", FOOTER, when="has_entry"),
    Action("history.asked", "alt+q", "Asked once",
           "list what `r1chat ask` was asked once, or chats", "history", FOOTER, when="has_single"),
    Action("history.restore", "ctrl+z", "Undo",
           "restore the last deleted conversation", "history", FOOTER | FIRST, when="restorable"),
    Action("history.thoughts", "alt+t", "Search thoughts",
           "search thoughts too", "history", FOOTER, when="is_searching"),
    # -- the models screen --
    Action("models.choose", "enter", "Use",
           "use the chosen model; typing filters the list",
           "models", BOTH | FIRST, "use", "usable"),
    Action("models.choose", "enter", "Download",
           "download the model", "models", BOTH | FIRST, "download", "can_download"),
    Action("models.choose", "enter", "Ask again",
           "ask the server again", "models", BOTH | FIRST, "ask", "can_ask"),
    Action("models.leave", "escape,f3", "Close",
           "go back to the conversation", "models", BOTH | FIRST),
    Action("models.pause", "f7", "Pause",
           "pause the download", "models", BOTH, "pause", "is_downloading"),
    Action("models.pause", "f7", "Resume",
           "resume the download", "models", BOTH, "resume", "is_paused"),
    Action("models.delete", "f8", "Stop",
           "stop the download", "models", BOTH, "cancel", "has_download"),
    Action("models.complete", "tab", "Complete", "complete the path of a file",
           "models", FOOTER | FIRST),
    Action("models.quants", "f2", "Quants",
           "choose another quant", "models", BOTH, when="has_quants"),
    Action("models.search", "f5", "Search",
           "search Hugging Face for the filter's text", "models", BOTH),
    Action("models.sort", "f4", "Sort", "sort by name, size, score or speed", "models", BOTH),
    Action("models.details", "f6", "Details",
           "show all that is known of the model", "models", BOTH, when="has_row"),
    Action("models.delete", "f8", "Delete",
           "delete the model, after saying what that frees",
           "models", BOTH, "delete", "can_delete"),
    Action("models.verify", "f9", "Verify",
           "check the model's files against what was published", "models", BOTH, when="can_verify"),
    # -- the settings --
    Action("settings.choose", "enter", "Change",
           "change the setting; take what was typed", "settings", FOOTER | FIRST),
    Action("settings.leave", "escape", "Close",
           "leave a value as it was, then the filter, then the screen", "settings", FOOTER | FIRST),
    Action("settings.scope", "f2", "For good or now",
           "have changes hold for good, or for this conversation alone",
           "settings", BOTH | FIRST, when="filters"),
    Action("settings.unset", "f8", "Default",
           "give the setting back to its default", "settings", BOTH | FIRST, when="can_unset"),
    *(Action(f"settings.{key}", key, key.capitalize(),
             "the setting above and below; of a value, the next of a few words",
             "settings", FIRST, f"move({step})") for key, step in (("down", 1), ("up", -1))),
    # -- the app --
    Action("app.settings", "alt+g", "Settings",
           "see and change all settings, for good or for this conversation", "app", PALETTE),
    Action("app.models", "f3", "Model", "use, find and download models", "app", BOTH),
    Action("app.fetch", "ctrl+f", "Download the offered model",
           "download the offered model", "app", PALETTE | FIRST, "download", "has_offer"),
    Action("app.commands", "ctrl+p", "Commands",
           "find every command by name", "app", FIRST, "command_palette"),
    Action("app.help", "f1", "Help", "show what all keys do", "app", BOTH),
    Action("app.themes", "f4", "Theme", "choose a theme", "app", PALETTE),
    Action("app.interrupt", "ctrl+c", "Copy, stop or quit",
           "copy what is selected; else stop, clear, quit", "app", FIRST),
    Action("app.quit", "ctrl+q", "Quit", "quit r1chat", "app", PALETTE | FIRST),
    # -- dialogs and lists --
    *(Action(f"{owner}.leave", "escape", "Close", "close", "lists", FOOTER | FIRST)
      for owner in ("pick", "attach", "one-line", "question", "quants")),
    Action("about.close", "escape,f6,i,q", "Close", "close", "lists", FOOTER | FIRST, "dismiss"),
    Action("help.close", "escape,f1,q", "Close", "close", "lists", FOOTER | FIRST, "dismiss"),
    Action("statistics.close", "escape,q", "Close", "close", "lists", FOOTER | FIRST, "dismiss"),
    *(Action(f"{owner}.{key}", key, key.capitalize(), "move up and down", "lists", FIRST,
             f"move({step})")
      for owner in ("pick", "attach") for key, step in (("down", 1), ("up", -1))),
    *(Action(f"{owner}.{name}", name.replace("_", ""), name.replace("_", " ").capitalize(),
             about, "lists", FIRST, f"move('{how}')")
      for owner in ("history", "models")
      for name, how, about in (("down", "cursor_down", "move up and down"),
                               ("up", "cursor_up", "move up and down"),
                               ("page_down", "page_down", "move by a page"),
                               ("page_up", "page_up", "move by a page"))),
    Action("attach.complete", "tab", "Complete", "complete the path", "lists", FOOTER | FIRST),
)
# fmt: on
"""In the order of the footer; those with the same help stand on one line of it."""
BY_ID: Mapping[str, Action] = {action.id: action for action in reversed(ACTIONS)}
"""The actions by id; where one key does several things, the first of them."""
