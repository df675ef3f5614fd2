postern_fuzz(ipc_reply LINKS postern_ntlm)
postern_fuzz(http_head LINKS postern_edge_http)
