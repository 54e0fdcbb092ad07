"""The settings screen, made from the declarations in `r1chat.settings`."""
