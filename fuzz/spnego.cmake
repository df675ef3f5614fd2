postern_fuzz(spnego LINKS postern_spnego)
