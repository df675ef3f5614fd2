#!/usr/bin/env python3
"""Writes the files beside it: what Windows would have written for the same hardened machine, in its three forms.

No Windows was at hand. They follow the published formats: regedit's own header and line forms, MS-GPSB 2.2.5 for the security template,
MS-GPREG 2.2 for registry.pol. Run it after a change and commit what it wrote.
"""
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
LSA = r"SYSTEM\CurrentControlSet\Control\Lsa"
MSV = LSA + r"\MSV1_0"
NETLOGON = r"SYSTEM\CurrentControlSet\Services\Netlogon\Parameters"
SERVER = r"SYSTEM\CurrentControlSet\Services\LanmanServer\Parameters"
NTDS = r"SYSTEM\CurrentControlSet\Services\NTDS\Parameters"
WORKSTATION = r"SOFTWARE\Policies\Microsoft\Windows\LanmanWorkstation"

DWORD, MULTI = 4, 7
VALUES = [
    (LSA, "LmCompatibilityLevel", DWORD, 5),
    (LSA, "NoLMHash", DWORD, 1),
    (LSA, "SuppressExtendedProtection", DWORD, 0),
    (MSV, "RestrictSendingNTLMTraffic", DWORD, 2),
    (MSV, "RestrictReceivingNTLMTraffic", DWORD, 1),
    (MSV, "AuditReceivingNTLMTraffic", DWORD, 2),
    (MSV, "ClientAllowedNTLMServers", MULTI, ["fileserver", "*.printers.example.org"]),
    (MSV, "NtlmMinClientSec", DWORD, 0x20080000),
    (MSV, "NtlmMinServerSec", DWORD, 0x20080000),
    (MSV, "BlockNtlmv1SSO", DWORD, 1),
    (NETLOGON, "RestrictNTLMInDomain", DWORD, 7),
    (NETLOGON, "AuditNTLMInDomain", DWORD, 7),
    (NETLOGON, "DCAllowedNTLMServers", MULTI, ["SCANNER1"]),
    (NETLOGON, "RequireSignOrSeal", DWORD, 1),
    (SERVER, "SmbServerNameHardeningLevel", DWORD, 2),
    (SERVER, "RequireSecuritySignature", DWORD, 1),
    (WORKSTATION, "BlockNTLM", DWORD, 1),
    (WORKSTATION, "BlockNTLMServerExceptionList", MULTI, ["nas.example.org"]),
    (NTDS, "LdapEnforceChannelBinding", DWORD, 2),
    (LSA, "auditbaseobjects", DWORD, 0),
]


def wide(text):
    return text.encode("utf-16-le")


def data_of(kind, value):
    if kind == DWORD:
        return struct.pack("<I", value)
    return b"".join(wide(item + "\0") for item in value) + wide("\0")


def reg_hex(data, name):
    """regedit breaks lines at 80 columns with a backslash."""
    lines, line = [], f'"{name}"=hex(7):'
    for index, byte in enumerate(data):
        piece = f"{byte:02x}" + ("," if index + 1 < len(data) else "")
        if len(line) + len(piece) > 78:
            lines.append(line + "\\")
            line = "  "
        line += piece
    return "\r\n".join(lines + [line])


def reg():
    out, key = "Windows Registry Editor Version 5.00\r\n", None
    for where, name, kind, value in VALUES:
        if where != key:
            key = where
            out += f"\r\n[HKEY_LOCAL_MACHINE\\{where}]\r\n"
        out += f'"{name}"=dword:{value:08x}\r\n' if kind == DWORD else reg_hex(data_of(kind, value), name) + "\r\n"
    return b"\xff\xfe" + wide(out)


def inf():
    out = '[Unicode]\r\nUnicode=yes\r\n[System Access]\r\nLockoutBadCount = 10\r\n[Version]\r\nsignature="$CHICAGO$"\r\nRevision=1\r\n'
    out += "[Registry Values]\r\n"
    for where, name, kind, value in VALUES:
        data = str(value) if kind == DWORD else ",".join(value)
        out += f"MACHINE\\{where}\\{name}={kind},{data}\r\n"
    return b"\xff\xfe" + wide(out)


def pol():
    out = b"PReg" + struct.pack("<I", 1)
    for where, name, kind, value in VALUES:
        data = data_of(kind, value)
        out += wide("[" + where + "\0;" + name + "\0;") + struct.pack("<I", kind) + wide(";")
        out += struct.pack("<I", len(data)) + wide(";") + data + wide("]")
    return out


def main():
    for name, content in (("hardened.reg", reg()), ("GptTmpl.inf", inf()), ("registry.pol", pol())):
        (HERE / name).write_bytes(content)


if __name__ == "__main__":
    main()
