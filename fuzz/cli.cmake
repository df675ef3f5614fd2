# The command line's reader of tokens, with everything behind it.
postern_fuzz(token_input LINKS postern_cli)
