#!/usr/bin/python3
"""Samba's NTLM client (ntlm_auth as a helper) over HTTP. usage: samba_client.py URL DOMAIN USER PASSWORD NTLM|Negotiate ; prints the HTTP status."""
import http.client
import ssl
import subprocess
import sys
import urllib.parse

LEGS_MAX = 4


def main() -> None:
    url, domain, user, password, scheme = sys.argv[1:6]
    target = urllib.parse.urlparse(url)
    protocol = {"NTLM": "ntlmssp-client-1", "Negotiate": "gss-spnego-client"}[scheme]
    command = ["ntlm_auth", "--configfile=/dev/null", f"--helper-protocol={protocol}", f"--domain={domain}", f"--username={user}", f"--password={password}"]
    if scheme == "Negotiate":
        command += ["--target-service=HTTP", f"--target-hostname={target.hostname}"]
    helper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)

    def ask(line: str) -> list[str]:
        helper.stdin.write(line + "\n")
        helper.stdin.flush()
        return helper.stdout.readline().split()

    if target.scheme == "https":
        connection = http.client.HTTPSConnection(target.netloc, context=ssl._create_unverified_context(), timeout=30)
    else:
        connection = http.client.HTTPConnection(target.netloc, timeout=30)
    status = 0
    answer = ask("YR")
    for _ in range(LEGS_MAX):
        if len(answer) < 2 or answer[0] not in ("YR", "KK", "TT", "AF"):
            break
        connection.request("GET", target.path or "/", headers={"Authorization": f"{scheme} {answer[1]}", "User-Agent": "samba-ntlm_auth"})
        response = connection.getresponse()
        response.read()
        status = response.status
        offers = [value for value in response.headers.get_all("WWW-Authenticate") or [] if value.startswith(scheme + " ")]
        if status != 401 or not offers:
            break
        answer = ask("TT " + offers[0].split()[1])
    helper.stdin.close()
    helper.wait(5)
    print(status)


main()
