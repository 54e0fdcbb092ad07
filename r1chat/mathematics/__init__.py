r"""Mathematics as signs: LaTeX to Unicode, as well as a terminal can.

`find` says where in a text a formula stands, `render` writes one, and `render_math` does both for
a whole text. The parser and most of the signs are pylatexenc's; how the signs are put together
(scripts, fractions, roots, matrices, boxes) is ours.
"""

from r1chat.mathematics.delimiters import Found, find, render_math
from r1chat.mathematics.formula import Formula, render

__all__ = ["Formula", "Found", "find", "render", "render_math"]
