postern_fuzz(key_file LINKS postern_account)
