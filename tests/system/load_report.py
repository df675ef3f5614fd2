"""One run of load, reported: see load.sh. usage: load_report.py CONNECTIONS SECONDS HALF-OPEN [--tls]"""
import sys

from scratch import House

WARM_UP_PART = 1 / 3
GROWTH_MAX = 0.05
HALF_OPEN_SECONDS = 58  # they are to stay for the whole run; the authority's own limit is 60


def growth(samples: list[dict], name: str) -> float:
    """How much the largest sample after the warm-up is over the first one after it, as a part of that one."""
    end = samples[-1]["seconds"]
    after = [sample[name] for sample in samples if sample["seconds"] >= end * WARM_UP_PART]
    return max(after) / after[0] - 1


def main() -> int:
    connections, seconds, half_open = map(int, sys.argv[1:4])
    with House(gateway_end=f'[limits]\nhandshake_timeout_seconds = {HALF_OPEN_SECONDS}\n') as house:
        watched = {"posternd": house.posternd.pid, "gateway": house.gateway.pid}
        result = house.load(connections=connections, seconds=seconds, half_open=half_open, half_open_port=house.http, tls="--tls" in sys.argv,
                            watch=[f"{name}={pid}" for name, pid in watched.items()])
        [(events,)] = house.rows("SELECT count(*) FROM event WHERE outcome = 'success'")
        house.stop()
    samples = result["memory_bytes"]
    print(f"{connections} connections at a time for {result['seconds']:.1f} s, {half_open} half-open beside them from the start "
          f"({result['half_open_closed']} reached the gateway's time limit and were opened anew)")
    print(f"  logons    {result['logons']} ({result['logons_per_second']:.0f}/s), events {events}, failures {result['failures']} {result['reasons'] or ''}")
    print(f"  latency   p50 {result['p50_ms']:.1f} ms, p99 {result['p99_ms']:.1f} ms, max {result['max_ms']:.1f} ms")
    print("  memory    " + "  ".join(["second"] + list(watched)))
    for sample in samples[:: max(1, len(samples) // 10)]:
        print(f"            {sample['seconds']:6.1f}  " + "  ".join(f"{sample[name] / 1e6:7.1f} MB" for name in watched))
    grown = {name: growth(samples, name) for name in watched}
    print("  growth after the warm-up: " + ", ".join(f"{name} {part:+.1%}" for name, part in grown.items()))
    good = result["failures"] == 0 and events >= result["logons"] and all(part <= GROWTH_MAX for part in grown.values())
    print("  " + ("passed" if good else "FAILED"))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
