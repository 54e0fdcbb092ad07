"""The algorithmic teacher: questions with right thoughts and right answers."""
