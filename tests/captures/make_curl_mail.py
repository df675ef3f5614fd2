#!/usr/bin/python3
"""Writes curl-smtp.pcap, curl-imap.pcap and curl-pop3.pcap: curl logs on with NTLM to servers that say just enough, in a network of its own.

usage, as root: unshare -n tests/captures/make_curl_mail.py FOLDER      needs curl with NTLM, and tcpdump
"""
import base64
import os
import pathlib
import socketserver
import struct
import subprocess
import sys
import threading
import time

FLAGS = 0xA28A8215  # UNICODE, SIGN, NTLM, ALWAYS_SIGN, ESS, TARGET_INFO, VERSION, 128, 56
TICKS_TO_1970 = 11_644_473_600 * 10**7


def challenge() -> str:
    name = "MAIL".encode("utf-16le")
    ticks = int(time.time()) * 10**7 + TICKS_TO_1970
    info = b"".join(struct.pack("<HH", which, len(value)) + value
                    for which, value in ((2, name), (1, name), (7, struct.pack("<Q", ticks)), (0, b"")))
    head = b"NTLMSSP\0" + struct.pack("<IHHIIQQHHI", 2, len(name), len(name), 56, FLAGS,
                                      int.from_bytes(os.urandom(8), "little"), 0, len(info), len(info), 56 + len(name))
    return base64.b64encode(head + b"\x0a\0\0\0\0\0\0\x0f" + name + info).decode()


class Mail(socketserver.StreamRequestHandler):
    greeting = ready = goes_on = done = ""

    def say(self, *lines: str) -> None:
        for line in lines:
            self.wfile.write(f"{line}\r\n".encode())

    def line(self) -> str:
        return self.rfile.readline().decode().strip()

    def log_on(self, done: str) -> None:
        self.say(self.ready)
        self.line()
        self.say(self.goes_on + challenge())
        self.line()
        self.say(done)

    def handle(self) -> None:
        self.say(self.greeting)
        while line := self.line():
            self.on_line(line)


class Smtp(Mail):
    greeting, ready, goes_on = "220 mail ESMTP", "334 ", "334 "

    def on_line(self, line: str) -> None:
        word = line.split()[0].upper()
        if word == "EHLO":
            self.say("250-mail", "250 AUTH NTLM")
        elif word == "AUTH":
            self.log_on("235 ok")
        else:
            self.say("250 ok")


class Imap(Mail):
    greeting, ready, goes_on = "* OK ready", "+ ", "+ "

    def on_line(self, line: str) -> None:
        tag, word = line.split()[:2]
        if word == "AUTHENTICATE":
            self.log_on(f"{tag} NO failed")
        elif word == "CAPABILITY":
            self.say("* CAPABILITY IMAP4rev1 AUTH=NTLM", f"{tag} OK")
        else:
            self.say(f"{tag} OK")


class Pop3(Mail):
    greeting, ready, goes_on = "+OK ready", "+ ", "+ "

    def on_line(self, line: str) -> None:
        word = line.split()[0].upper()
        if word == "CAPA":
            self.say("+OK", "SASL NTLM", ".")
        elif word == "AUTH":
            self.log_on("+OK in")
        elif word == "LIST":
            self.say("+OK", ".")
        else:
            self.say("+OK")


def main() -> int:
    folder = pathlib.Path(sys.argv[1])
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name, port, handler in (("smtp", 25, Smtp), ("imap", 143, Imap), ("pop3", 110, Pop3)):
        server = socketserver.ThreadingTCPServer(("127.0.0.1", port), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        file = folder / f"curl-{name}.pcap"
        tcpdump = subprocess.Popen(["tcpdump", "-i", "lo", "-Z", "root", "-U", "-w", file, "tcp", "port", str(port)], stderr=subprocess.PIPE)
        assert tcpdump.stderr is not None
        while b"listening" not in tcpdump.stderr.readline():
            pass
        curl = ["curl", "-s", "-m", "5", f"{name}://127.0.0.1/", "-u", "LAB\\alice:Passw0rd", "--login-options", "AUTH=NTLM"]
        subprocess.run(curl + (["--mail-from", "a@lab", "--mail-rcpt", "b@lab", "-X", "NOOP"] if name == "smtp" else []), check=False)
        time.sleep(1)
        tcpdump.terminate()
        tcpdump.wait()
        server.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
