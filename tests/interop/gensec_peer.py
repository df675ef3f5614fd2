"""Samba's GENSEC with the mechanism ntlmssp, one context, driven over standard input and output: a line asks, a line answers.

gensec_peer.py client|anonymous|server sign|seal [OPTION=VALUE...]     options as in smb.conf

Asked with the letters below and base64; answers: the letters with base64, "NO" where Samba refuses, with its reason.
UP token    the handshake's next token: "TT token" to go on, "OK token" when done
WR text, UW token, SI text, VE text signature, GK (the session key)
"""
import base64
import os
import sys
import tempfile

from samba import auth, credentials, gensec, param

USER, DOMAIN, PASSWORD = "alice", "LAB", os.environ.get("GENSEC_PASSWORD", "")


def context(role, feature, options, directory):
    settings = param.LoadParm()
    settings.load("/dev/null")
    for place in ("private dir", "state directory", "lock directory", "cache directory"):
        settings.set(place, directory)
    settings.set("workgroup", DOMAIN)
    settings.set("netbios name", "SRV")
    for option in options:
        settings.set(*option.split("=", 1))
    who = credentials.Credentials()
    who.guess(settings)
    if role != "server":
        if role == "client":
            who.set_username(USER)
            who.set_domain(DOMAIN)
            who.set_password(PASSWORD)
        else:
            who.set_anonymous()
        who.set_workstation("CLIENT")
        who.set_kerberos_state(credentials.DONT_USE_KERBEROS)
        peer = gensec.Security.start_client({"lp_ctx": settings, "target_hostname": "localhost"})
    else:
        # Without a domain's database Samba's server can let in nobody but anonymous.
        nobody = auth.AuthContext(lp_ctx=settings, methods=["anonymous"])
        peer = gensec.Security.start_server(settings={"lp_ctx": settings, "target_hostname": "srv"}, auth_context=nobody)
    peer.set_credentials(who)
    peer.want_feature(gensec.FEATURE_SEAL if feature == "seal" else gensec.FEATURE_SIGN)
    peer.start_mech_by_name("ntlmssp")
    return peer


def answer(peer, letters, parts):
    if letters == "UP":
        done, token = peer.update(parts[0] if parts else b"")
        return ("OK" if done else "TT"), token
    if letters == "WR":
        return "WR", peer.wrap(parts[0])
    if letters == "UW":
        return "UW", peer.unwrap(parts[0])
    if letters == "SI":
        return "SI", peer.sign_packet(parts[0], parts[0])
    if letters == "VE":
        peer.check_packet(parts[0], parts[0], parts[1])
        return "VE", b""
    if letters == "GK":
        return "GK", peer.session_key()
    raise ValueError(letters)


def main():
    with tempfile.TemporaryDirectory() as directory:
        peer = context(sys.argv[1], sys.argv[2], sys.argv[3:], directory)
        for line in sys.stdin:
            letters, *parts = line.split()
            try:
                said, data = answer(peer, letters, [base64.b64decode(part) for part in parts])
            except Exception as refused:  # Samba's errors have no common type
                said, data = "NO", str(refused).encode()
            print(said, base64.b64encode(data or b"").decode(), flush=True)


main()
