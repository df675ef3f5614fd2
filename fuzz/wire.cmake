postern_fuzz(wire_negotiate LINKS postern_wire)
postern_fuzz(wire_challenge LINKS postern_wire)
postern_fuzz(wire_authenticate LINKS postern_wire)
postern_fuzz(wire_av_pairs LINKS postern_wire)
