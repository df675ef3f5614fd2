postern_fuzz(key_file LINKS postern_account)
postern_fuzz(logon_hours LINKS postern_account)
postern_fuzz(ip_network LINKS postern_base)
