"""Messages to tokens, such that no text of a user or a file becomes a control token.

`kinds` says how a model's conversations are framed, `framing` what stands around the messages,
`templates` renders a model's own chat template in a child process, `tokens` turns both into
tokens.
"""

from r1chat.prompt.builder import Framed, Prompt, build, frame
from r1chat.prompt.kinds import Framing, Kind, kind_of, tried
from r1chat.prompt.parts import Content, Item, Message, Vocabulary
from r1chat.prompt.tokens import assemble, cut_markers, plain

__all__ = [
    "Content",
    "Framed",
    "Framing",
    "Item",
    "Kind",
    "Message",
    "Prompt",
    "Vocabulary",
    "assemble",
    "build",
    "cut_markers",
    "frame",
    "kind_of",
    "plain",
    "tried",
]
