#!/usr/bin/python3
"""An HTTP(S) server on loopback whose logons are judged by an NTLM acceptor that is not ours.

usage: acceptor.py PORT samba|gss [--tls CERTIFICATE KEY]
  samba  Samba's ntlm_auth with one fixed account: DOMAIN, USER and PASSWORD from the environment
  gss    gss-ntlmssp through MIT's GSS library; accounts from NTLM_USER_FILE; over TLS it is given the certificate's channel bindings
It offers NTLM and Negotiate, answers 200 to a connection that logged on and 401 to any other.
"""
import argparse
import base64
import hashlib
import os
import ssl
import subprocess
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

arguments = argparse.ArgumentParser()
arguments.add_argument("port", type=int)
arguments.add_argument("backend", choices=("samba", "gss"))
arguments.add_argument("--tls", nargs=2)
options = arguments.parse_args()


class Refused(Exception):
    pass


class Samba:
    def __init__(self, scheme: str):
        protocol = "gss-spnego" if scheme == "Negotiate" else "squid-2.5-ntlmssp"
        self.spnego = scheme == "Negotiate"
        self.verb = b"YR "
        self.helper = subprocess.Popen(
            ["ntlm_auth", f"--helper-protocol={protocol}", "--configfile=/dev/null", f"--domain={os.environ['DOMAIN']}",
             f"--username={os.environ['ACCOUNT']}", f"--password={os.environ['PASSWORD']}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def step(self, token: bytes) -> tuple[str, bytes | None]:
        self.helper.stdin.write(self.verb + base64.b64encode(token) + b"\n")
        self.helper.stdin.flush()
        self.verb = b"KK "
        answer = self.helper.stdout.readline().decode().split()
        if answer and answer[0] == "TT":
            return "continue", base64.b64decode(answer[1])
        if answer and answer[0] == "AF":
            return "done", base64.b64decode(answer[1]) if self.spnego and answer[1] != "*" else None
        raise Refused(" ".join(answer))

    def close(self) -> None:
        self.helper.stdin.close()
        self.helper.wait(5)


class Gss:
    def __init__(self, scheme: str):
        import gssapi
        import gssapi.raw
        mechanisms = [gssapi.OID.from_int_seq("1.3.6.1.4.1.311.2.2.10"), gssapi.OID.from_int_seq("1.3.6.1.5.5.2")]
        bindings = None
        if options.tls:
            with open(options.tls[0], encoding="ascii") as file:
                certificate = ssl.PEM_cert_to_DER_cert(file.read())
            bindings = gssapi.raw.ChannelBindings(application_data=b"tls-server-end-point:" + hashlib.sha256(certificate).digest())
        self.context = gssapi.SecurityContext(creds=gssapi.Credentials(usage="accept", mechs=mechanisms), usage="accept", channel_bindings=bindings)

    def step(self, token: bytes) -> tuple[str, bytes | None]:
        answer = self.context.step(token)
        return ("done" if self.context.complete else "continue"), answer

    def close(self) -> None:
        pass


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def setup(self):
        super().setup()
        self.acceptor = None
        self.logged_on = False

    def finish(self):
        self.drop()
        super().finish()

    def drop(self) -> None:
        if self.acceptor:
            self.acceptor.close()
        self.acceptor = None

    def answer(self, status: int, offers: list[str]) -> None:
        body = b"logged on\n" if status == 200 else b"log on\n"
        self.send_response(status)
        for offer in offers:
            self.send_header("WWW-Authenticate", offer)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        authorization = self.headers.get("Authorization", "").split()
        if self.logged_on and not authorization:
            return self.answer(200, [])
        if len(authorization) != 2 or authorization[0] not in ("NTLM", "Negotiate"):
            return self.answer(401, ["Negotiate", "NTLM"])
        scheme, token = authorization[0], base64.b64decode(authorization[1])
        start = token.find(b"NTLMSSP\0")
        if self.acceptor is None or (start >= 0 and token[start + 8:start + 9] == b"\1"):
            self.drop()
            self.logged_on = False
            self.acceptor = (Samba if options.backend == "samba" else Gss)(scheme)
        try:
            state, reply = self.acceptor.step(token)
        except Exception as error:  # whatever an acceptor throws is a refusal
            print(f"refused: {scheme}: {error}", flush=True)
            self.drop()
            return self.answer(401, ["Negotiate", "NTLM"])
        offers = [f"{scheme} {base64.b64encode(reply).decode()}"] if reply else []
        if state == "continue":
            return self.answer(401, offers)
        print(f"accepted: {scheme}", flush=True)
        self.logged_on = True
        self.drop()
        return self.answer(200, offers)

    do_POST = do_GET

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
server.daemon_threads = True
if options.tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*options.tls)
    server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
