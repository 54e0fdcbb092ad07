"""Messages to tokens, such that no text of a user or a file becomes a control token.

`framing` says what stands around the messages, `templates` renders a model's own chat template
in a child process, `tokens` turns both into tokens.
"""

from r1chat.prompt.builder import Framing, Prompt, build
from r1chat.prompt.parts import Message, Vocabulary
from r1chat.prompt.tokens import plain

__all__ = ["Framing", "Message", "Prompt", "Vocabulary", "build", "plain"]
