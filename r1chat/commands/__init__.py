"""The subcommands of the command line, a module each. Each imports what it needs when it runs."""
