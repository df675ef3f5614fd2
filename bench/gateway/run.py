"""The gateway beside Apache, in turn, a few rounds; the medians as a table or JSON. See run.sh."""
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
import apache  # noqa: E402
from scratch import BIN, House, free_port, run_load  # noqa: E402

HELD = 2000
KEPT = 64


class Side:
    """One of the two: where it listens, and the processes whose memory is its own."""

    def __init__(self, name, https, http, page, proxied_https, proxied_http, proxied, pids):
        self.name, self.https, self.http, self.page, self.pids = name, https, http, page, pids
        self.proxied_https, self.proxied_http, self.proxied = proxied_https, proxied_http, proxied

    def logons(self, connections: int, seconds: int) -> dict:
        result = run_load(self.https, tls=True, path=self.page, connections=connections, seconds=seconds)
        return {f"new logons/s over TLS, {connections}": result["logons_per_second"], f"p50 ms, {connections}": result["p50_ms"],
                f"p99 ms, {connections}": result["p99_ms"], "failures": result["failures"]}

    def requests(self, seconds: int) -> dict:
        plain = run_load(self.proxied_http, path=self.proxied, work="requests", connections=KEPT, seconds=seconds)
        tls = run_load(self.proxied_https, tls=True, path=self.proxied, work="requests", connections=KEPT, seconds=seconds)
        return {f"requests/s, {KEPT} kept": plain["requests_per_second"], f"requests/s over TLS, {KEPT} kept": tls["requests_per_second"],
                "failures": plain["failures"] + tls["failures"]}

    def memory(self) -> dict:
        result = run_load(self.https, tls=True, path=self.page, work="hold", connections=HELD, watch=[f"p{pid}={pid}" for pid in self.pids])
        before, after = (sum(value for name, value in sample.items() if name != "seconds") for sample in (result["memory_bytes"][0], result["memory_bytes"][-1]))
        return {"kB for an idle logged-on TLS connection": (after - before) / HELD / 1024, "failures": result["failures"]}


def direct(upstream: int, seconds: int) -> float:
    return run_load(upstream, scheme="none", work="requests", connections=KEPT, seconds=seconds)["requests_per_second"]


def less_is_better(name: str) -> bool:
    return " ms" in name or name.startswith("p") or name.startswith("kB")


def measure(sides: list[Side], upstream: int, rounds: int, seconds: int) -> tuple[dict, list[float], list[float]]:
    """name of measurement -> name of side -> one value a round."""
    values: dict[str, dict[str, list[float]]] = {}
    straight, loads = [], []
    steps = [lambda side: side.logons(1, seconds), lambda side: side.logons(64, seconds), lambda side: side.requests(seconds)]
    for number in range(rounds):
        straight.append(direct(upstream, seconds))
        for step in steps:
            for side in sides if number % 2 == 0 else sides[::-1]:  # neither is always the first
                for name, value in step(side).items():
                    values.setdefault(name, {}).setdefault(side.name, []).append(value)
                loads.append(os.getloadavg()[0])
    return values, straight, loads


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if absent := apache.missing():
        print(f"without {', '.join(absent)} there is nothing to measure beside (apt: apache2-bin libapache2-mod-auth-gssapi gss-ntlmssp)", file=sys.stderr)
        return 3
    with contextlib.ExitStack() as stack:
        upstream = free_port()
        server = subprocess.Popen([BIN / "postern-bench-upstream", str(upstream)])
        stack.callback(server.wait)
        stack.callback(server.kill)
        house = stack.enter_context(House())
        proxying = stack.enter_context(House(gateway_end=f'[upstream]\nurl = "http://127.0.0.1:{upstream}"\n'))
        httpd = stack.enter_context(apache.Apache(house.folder / "tls/crt.pem", house.folder / "tls/key.pem", upstream))
        sides = [Side("Postern", house.https, house.http, "/", proxying.https, proxying.http, "/", [house.posternd.pid, house.gateway.pid]),
                 Side("Apache", httpd.https, httpd.http, "/logon/", httpd.https, httpd.http, "/proxied/", [httpd.process.pid])]
        # Both have worked before their idle connections are weighed: what the first logons need once is not counted.
        for side in sides:
            side.logons(64, 2)
        values: dict[str, dict[str, list[float]]] = {}
        for side in sides:
            for name, value in side.memory().items():
                values.setdefault(name, {}).setdefault(side.name, []).append(value)
        more, straight, loads = measure(sides, upstream, arguments.rounds, arguments.seconds)
        for name, by_side in more.items():
            for side, of_rounds in by_side.items():
                values.setdefault(name, {}).setdefault(side, []).extend(of_rounds)
    failures = {side: sum(of_rounds) for side, of_rounds in values.pop("failures").items()}
    rows = []
    for name, by_side in values.items():
        ours, theirs = (statistics.median(by_side[side.name]) for side in sides)
        rows.append({"name": name, "postern": ours, "apache": theirs, "ahead": (theirs / ours if less_is_better(name) else ours / theirs) if ours and theirs else 0,
                     "rounds": by_side})
    upstream_rate = statistics.median(straight)
    report = {"rows": rows, "upstream_requests_per_second": upstream_rate, "failures": failures,
              "load_average": {"min": min(loads), "max": max(loads)}, "rounds": arguments.rounds, "seconds": arguments.seconds, "cores": os.cpu_count()}
    if arguments.json:
        print(json.dumps(report))
    else:
        print(f"{'median of ' + str(arguments.rounds) + ' rounds of ' + str(arguments.seconds) + ' s':42} {'Postern':>10} {'Apache':>10} {'ahead':>7}   lowest to highest of ours, of Apache's")
        for row in rows:
            spread = "; ".join(f"{min(v):.1f} to {max(v):.1f}" for v in row["rounds"].values())
            print(f"{row['name']:42} {row['postern']:10.1f} {row['apache']:10.1f} {row['ahead']:6.2f}x   {spread}")
        plain = next(row for row in rows if row["name"].startswith("requests/s,"))
        print(f"the upstream asked directly: {upstream_rate:.0f} requests/s; through Postern {plain['postern'] / upstream_rate:.0%} of that, through Apache {plain['apache'] / upstream_rate:.0%}")
        print(f"failures: {failures}; load average {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} cores (client and servers share them)")
    return 0 if not any(failures.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
