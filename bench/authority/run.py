"""Logons through the authority's socket, bare and with policy, detection and a sink, in turn; medians as a table or JSON. See run.sh."""
import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))
from scratch import BIN, PASSWORD, Daemon, House  # noqa: E402

ACCOUNTS = 64
CLIENTS = (1, 64)

# Nothing is asked of a logon that could be left unasked.
BARE = """
ExtendedProtection = "never"
TargetNameCheck = "never"
PlainHttp = "always"
ClockSkew = "off"
"""
# Every setting has a say, and lets these logons in.
FULL = """
AuditReceivingNTLMTraffic = 2
AuditNTLMInDomain = 7
DCAllowedNTLMServers = ["FILE1", "FILE2", "MAIL*", "*WEB"]
NtlmMinServerSec = 0x20080000
SmbServerNameHardeningLevel = 2
LdapEnforceChannelBinding = 2
RequireMic = "always"
ExtendedProtection = "always"
TargetNameCheck = "always"
DenyVersions = ["LM", "NTLMv1", "NTLMv1-ESS", "LMv2"]
DenyServices = ["smb"]
AllowClientNetworks = ["192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"]
DenyClientNetworks = ["203.0.113.0/24"]
DenyFindings = ["relay-bindings", "relay-target-class", "mic-wrong", "canary"]
"""


class Side:
    """One authority with its accounts."""

    def __init__(self, stack: contextlib.ExitStack, name: str, policy: str, detection: bool, sink: bool):
        self.name = name
        self.house = House()
        config = self.house.folder / "posternd.toml"
        (self.house.folder / "policy.toml").write_text(policy)
        config.write_text(f'policy_file = "{self.house.folder}/policy.toml"\n{config.read_text()}\n[detection]\nenabled = {str(detection).lower()}\n')
        stack.enter_context(self.house)
        self.admin = self.house.admin()
        stack.callback(self.admin.close)
        for number in range(ACCOUNTS):
            self.admin.ask("account.add", account=f"LAB\\user{number}", password=PASSWORD)
        if sink:
            stack.callback(self.forward().discard)

    def forward(self) -> Daemon:
        folder = self.house.folder
        (folder / "forward").mkdir(mode=0o700)
        (folder / "forward.toml").write_text(f"""
admin_socket = "{folder}/run/admin.sock"
state_directory = "{folder}/forward"
[[sink]]
name = "file"
type = "file"
path = "{folder}/log/forwarded.jsonl"
""")
        forwarder = Daemon("postern-forward", folder / "forward.toml", folder / "log/forward.log")
        forwarder.start()
        return forwarder

    def measure(self, clients: int, seconds: int) -> dict:
        before = self.admin.ask("status")
        done = subprocess.run([BIN / "postern-bench-socket", self.house.folder / "run/authority.sock", "gateway", str(clients), str(seconds), str(ACCOUNTS)],
                              input=PASSWORD + "\n", stdout=subprocess.PIPE, text=True, check=True)
        result, after = json.loads(done.stdout), self.admin.ask("status")
        transactions = after["transactions"] - before["transactions"]
        return {"logons_per_second": result["logons_per_second"], "p50_ms": result["p50_ms"], "p99_ms": result["p99_ms"],
                "logons_per_transaction": result["logons"] / max(1, transactions)}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as stack:
        sides = [Side(stack, "bare", BARE, detection=False, sink=False), Side(stack, "policy", FULL, detection=True, sink=False),
                 Side(stack, "policy and sink", FULL, detection=True, sink=True)]
        rounds: dict[tuple[int, str], list[dict]] = {}
        for number in range(arguments.rounds):
            for clients in CLIENTS:
                for side in sides if number % 2 == 0 else sides[::-1]:  # none is always the first
                    rounds.setdefault((clients, side.name), []).append(side.measure(clients, arguments.seconds))
    rows = []
    for clients in CLIENTS:
        for side in sides:
            of_rounds = rounds[clients, side.name]
            row = {name: statistics.median(one[name] for one in of_rounds) for name in of_rounds[0]}
            rows.append({"clients": clients, "side": side.name, **row, "rounds": [one["logons_per_second"] for one in of_rounds]})
    for row in rows:
        bare = next(other for other in rows if other["clients"] == row["clients"])
        row["of_bare"] = row["logons_per_second"] / bare["logons_per_second"]
    if arguments.json:
        print(json.dumps({"rows": rows, "rounds": arguments.rounds, "seconds": arguments.seconds, "cores": os.cpu_count(), "load_average": os.getloadavg()[0]}))
        return 0
    print(f"{'clients':>7} {'':16} {'logons/s':>9} {'of bare':>8} {'p50 ms':>7} {'p99 ms':>7} {'logons in a transaction':>24}   lowest to highest logons/s")
    for row in rows:
        print(f"{row['clients']:7} {row['side']:16} {row['logons_per_second']:9.0f} {row['of_bare']:8.2f} {row['p50_ms']:7.2f} {row['p99_ms']:7.2f} "
              f"{row['logons_per_transaction']:24.1f}   {min(row['rounds']):.0f} to {max(row['rounds']):.0f}")
    print(f"medians of {arguments.rounds} rounds of {arguments.seconds} s; {os.cpu_count()} cores, shared with the clients; load average {os.getloadavg()[0]:.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
