"""The app in a browser: a local page, and one child process running the app for each tab.

textual-serve brings the page's terminal and the protocol between page and app. What it leaves
open is here: who may talk to the page (`guard`), a page that fetches nothing from other hosts,
and children that end when they should (`child`).
"""

from __future__ import annotations

import os

REQUIREMENT = "textual-serve>=1.1.3,<1.2"
"""What the extra `serve` installs. The ceiling is there because `child` builds on its insides."""
DRIVER_VARIABLE = "TEXTUAL_DRIVER"
DRIVER = "r1chat.tui.web_driver:WebDriver"


def is_child() -> bool:
    """Whether this process is an app whose screen is a page: r1chat's or textual-serve's own."""
    return os.environ.get(DRIVER_VARIABLE, "").endswith(":WebDriver")
