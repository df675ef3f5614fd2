#!/usr/bin/env python3
"""postern-watch on an interface: the highest rate that it takes without loss, and how long an event takes.

    sudo bench/watch/live.py [--bin build/bench/bin] [--threads N] [--seconds N]

Makes a network namespace with a pair of virtual interfaces, sends a made capture into one end with tcpreplay (apt: tcpreplay) at
rates that it raises and halves between, and watches the other end. Then sends logons one packet a millisecond, and takes the time
from the packet that ends a logon (the server's answer to its AUTHENTICATE) to the event's line. Sender and sensor share the
machine: on few cores the rate is that of both together.
"""
import argparse
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*words, **more):
    return subprocess.run(words, check=True, capture_output=True, text=True, **more)


class Network:
    """A namespace with two interfaces that are one another's other end; gone when this ends."""

    def __init__(self):
        self.name = f"postern-watch-{os.getpid()}"

    def __enter__(self):
        run("ip", "netns", "add", self.name)
        try:
            run("ip", "-n", self.name, "link", "add", "send", "type", "veth", "peer", "name", "seen")
            for interface in ("send", "seen"):
                run("ip", "netns", "exec", self.name, "sysctl", "-q", "-w", f"net.ipv6.conf.{interface}.disable_ipv6=1")
                run("ip", "-n", self.name, "link", "set", interface, "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        run("ip", "netns", "del", self.name)

    def inside(self, *words):
        return ["ip", "netns", "exec", self.name, *words]


class Sensor:
    """postern-watch on the watched end, from when it watches."""

    def __init__(self, network, options, form="--json"):
        # Through no `ip netns exec` that stays: the process is the sensor's own.
        self.child = subprocess.Popen(
            network.inside(os.path.join(options.bin, "postern-watch"), "--interface", "seen", form, "--statistics", "--threads",
                           str(options.threads), "--ring", options.ring),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.lines = []  # (when, event)
        said = self.child.stderr.readline()
        if "watching" not in said:
            raise RuntimeError(said + self.child.stderr.read())
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.child.stdout:
            self.lines.append((time.monotonic(), line))

    def end(self):
        self.child.send_signal(signal.SIGINT)
        said = self.child.stderr.read()
        self.child.wait()
        self.reader.join()
        return json.loads(said.strip().splitlines()[-1])["statistics"]


def make_capture(options, folder, *more):
    run(os.path.join(options.bin, "postern-bench-watch"), "--no-peers", "--rounds", "1", "--keep", "--folder", folder, *more)
    return next(pathlib.Path(folder).glob("*.pcap")), next(pathlib.Path(folder).glob("*.jsonl"))


def try_rate(network, options, capture, megabits):
    """Sends at this rate (0: as fast as can be). What was sent, what was seen, what was dropped."""
    sensor = Sensor(network, options)
    rate = ["--topspeed"] if megabits == 0 else [f"--mbps={megabits}"]
    sent = run(*network.inside("tcpreplay", "--preload-pcap", "--intf1=send", *rate, str(capture))).stdout
    time.sleep(0.5)
    seen = sensor.end()
    packets = int(re.search(r"Successful packets:\s+(\d+)", sent).group(1))
    actual = float(re.search(r"Rated: .*?([\d.]+) Mbps", sent).group(1))
    pps = float(re.search(r"([\d.]+) pps", sent).group(1))
    lost = packets - seen["packets"]
    print(f"  {actual:7.0f} Mbit/s, {pps:8.0f} packets/s: {packets} sent, {seen['packets']} seen, {seen['kernel_dropped']} dropped, "
          f"{seen['logons']} logons", flush=True)
    return actual, pps, lost == 0 and seen["kernel_dropped"] == 0, seen


def highest_rate(network, options, capture):
    best = None
    top = try_rate(network, options, capture, 0)
    if top[2]:
        print("  no loss as fast as tcpreplay can send here")
        return top
    low, high = 0.0, top[0]
    for _ in range(options.steps):
        middle = (low + high) / 2
        tried = try_rate(network, options, capture, round(middle))
        if tried[2]:
            best, low = tried, middle
        else:
            high = middle
    return best


def packets_of(capture):
    data = capture.read_bytes()
    at = 24
    while at + 16 <= len(data):
        size = struct.unpack_from("<I", data, at + 8)[0]
        yield data[at + 16:at + 16 + size]
        at += 16 + size


def delays(network, options, capture):
    """Milliseconds from the packet with the answer to an HTTP logon to the event's line."""
    # A socket belongs to the namespace that it was made in; the thread that makes it enters and leaves.
    own = os.open("/proc/self/ns/net", os.O_RDONLY)
    theirs = os.open(f"/var/run/netns/{network.name}", os.O_RDONLY)
    setns = getattr(os, "setns", None)
    if setns is None:
        import ctypes  # before Python 3.12
        libc = ctypes.CDLL(None, use_errno=True)

        def setns(descriptor, kind):
            if libc.setns(descriptor, kind) != 0:
                raise OSError(ctypes.get_errno(), "setns")
    setns(theirs, 0x40000000)
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind(("send", 0))
    setns(own, 0x40000000)
    sensor = Sensor(network, options)
    answered = {}
    for packet in packets_of(capture):
        if packet[54:66] == b"HTTP/1.1 200":
            client = f"{socket.inet_ntoa(packet[30:34])}:{struct.unpack_from('!H', packet, 36)[0]}"
            answered[client] = time.monotonic()
        out.send(packet)
        time.sleep(0.001)
    time.sleep(1)
    sensor.end()
    found = []
    for when, line in sensor.lines:
        event = json.loads(line)
        sent = answered.pop(f"{event['client']['address']}:{event['client']['port']}", None)
        if sent is not None and event["ntlm"].get("version"):
            found.append((when - sent) * 1000)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=str(ROOT / "build/bench/bin"), help="where postern-watch and postern-bench-watch are")
    parser.add_argument("--connections", default="60000", help="of the capture that is sent")
    parser.add_argument("--threads", type=int, default=1, help="readers of the interface")
    parser.add_argument("--ring", default="32M", help="the kernel's ring of each reader")
    parser.add_argument("--steps", type=int, default=5, help="how often the rate is halved")
    options = parser.parse_args()
    if os.geteuid() != 0:
        parser.error("root is needed for the namespace and the interfaces")
    with Network() as network, tempfile.TemporaryDirectory() as large, tempfile.TemporaryDirectory() as small:
        capture, _ = make_capture(options, large, "--connections", options.connections)
        print(f"{capture.stat().st_size / 1e6:.0f} MB through a pair of virtual interfaces, {options.threads} readers, "
              f"{os.cpu_count()} processors", flush=True)
        best = highest_rate(network, options, capture)
        if best is None:
            print("highest rate without loss: none of those tried")
        else:
            print(f"highest rate without loss: {best[0]:.0f} Mbit/s, {best[1]:.0f} packets/s")
        capture, _ = make_capture(options, small, "--connections", "400", "--ntlm", "1000")
        found = sorted(delays(network, options, capture))
        if not found:
            print("no event came")
            return 1
        print(f"from the last byte of a logon to its line: {len(found)} logons, median {statistics.median(found):.1f} ms, "
              f"95 of 100 within {found[len(found) * 95 // 100]:.1f} ms, longest {found[-1]:.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
