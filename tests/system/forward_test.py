"""postern-forward beside a real posternd: killed at random moments it loses no event, and every daemon runs confined. `postern events` too."""
import http.client
import json
import pathlib
import random
import re
import subprocess
import time
import unittest

from scratch import BIN, Daemon, House, finish_load, free_port

ROUNDS = 8


def add_forwarder(house: House) -> Daemon:
    (house.folder / "forward").mkdir(mode=0o700)
    port = free_port()
    (house.folder / "forward.toml").write_text(f"""
admin_socket = "{house.folder}/run/admin.sock"
state_directory = "{house.folder}/forward"
metrics = "127.0.0.1:{port}"
poll_milliseconds = 20
batch = 50
[[sink]]
name = "file"
type = "file"
path = "{house.folder}/log/forwarded.jsonl"
max_pause_milliseconds = 200
[[sink]]
name = "nobody"
type = "syslog"
path = "{house.folder}/run/nobody-reads-this"
max_pause_milliseconds = 200
""")
    forwarder = Daemon("postern-forward", house.folder / "forward.toml", house.folder / "log/forward.log")
    forwarder.metrics_port = port
    return forwarder


def ids_in_file(house: House) -> list[str]:
    path = house.folder / "log/forwarded.jsonl"
    return [json.loads(line)["id"] for line in path.read_text().splitlines()] if path.exists() else []


def until(holds, seconds: float = 30) -> bool:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


class SystemForward(unittest.TestCase):
    def test_R32_KillOfTheForwarderAtRandomMomentsLosesNoEventAndKeepsTheOrder(self):
        seed = random.randrange(1 << 32)
        moments = random.Random(seed)
        with House() as house:
            forwarder = add_forwarder(house)
            try:
                for number in range(ROUNDS):
                    forwarder.start()
                    load = house.start_load(connections=4, seconds=1)
                    time.sleep(moments.uniform(0.02, 0.7))
                    if number % 3 == 2:
                        house.posternd.kill()  # the spool is durable, so the other side may go as well
                        house.posternd.start()
                    forwarder.kill()
                    finish_load(load)
                forwarder.start()
                stored = [row[0] for row in house.rows("SELECT id FROM event ORDER BY sequence")]
                self.assertGreater(len(stored), 2 * ROUNDS, "too few events to prove anything")
                self.assertTrue(until(lambda: set(stored) <= set(ids_in_file(house))), f"seed {seed}")
                seen = list(dict.fromkeys(ids_in_file(house)))
                self.assertEqual([i for i in seen if i in set(stored)], stored, f"seed {seed}: out of order")
                self.assertLessEqual(len(ids_in_file(house)), len(stored) + ROUNDS * 50, "at most a batch twice for each kill")
                self.assertEqual(forwarder.stop(), 0, forwarder.log.read_text()[-2000:])
                house.stop()
            finally:
                forwarder.discard()

    def test_R35_EveryDaemonRunsConfinedAndTheForwarderTellsItsMetrics(self):
        with House() as house:
            forwarder = add_forwarder(house)
            try:
                forwarder.start()
                for daemon in (house.posternd, house.gateway, forwarder):
                    for status in pathlib.Path(f"/proc/{daemon.pid}/task").glob("*/status"):
                        self.assertRegex(status.read_text(), r"(?m)^Seccomp:\t2$", f"{daemon.name}: a thread is not confined")
                        self.assertRegex(status.read_text(), r"(?m)^NoNewPrivs:\t1$", daemon.name)
                house.load(connections=2, seconds=1)
                connection = http.client.HTTPConnection("127.0.0.1", forwarder.metrics_port, timeout=10)
                connection.request("GET", "/metrics")
                text = connection.getresponse().read().decode()
                connection.close()
                self.assertRegex(text, r'(?m)^postern_authority_logons_total\{outcome="success",version="NTLMv2",decision="\w*",setting=""\} [1-9]')
                self.assertRegex(text, r'(?m)^postern_authority_logon_seconds_count\{part="commit"\} [1-9]')
                self.assertRegex(text, r'(?m)^postern_forward_up\{sink="nobody"\} 0$')
                # A signal reads the configuration anew; a wrong one changes nothing (R38).
                with open(house.folder / "forward.toml", "a") as config:
                    config.write("colour = 1\n")
                forwarder.process.send_signal(1)
                self.assertTrue(until(lambda: "the configuration stays as it was" in forwarder.log.read_text()))
                self.assertEqual(forwarder.stop(), 0, forwarder.log.read_text()[-2000:])
                house.stop()
            finally:
                forwarder.discard()

    def test_EventsAreFollowedOverAKillOfTheAuthorityWithoutGapsOrDoubles(self):
        with House() as house:
            postern = [BIN / "postern", "--socket", house.folder / "run/admin.sock"]
            house.load(connections=1, seconds=0)
            out = open(house.folder / "log/followed", "wb")
            follow = subprocess.Popen([*postern, "--json", "events", "--follow", "--limit", "100000"], stdout=out, stderr=subprocess.DEVNULL)
            try:
                self.assertTrue(until(lambda: (house.folder / "log/followed").stat().st_size > 0))
                for _ in range(3):
                    load = house.start_load(connections=4, seconds=1)
                    time.sleep(0.4)
                    house.posternd.kill()
                    house.posternd.start()
                    finish_load(load)
                house.wait_until_connected()
                house.load(connections=1, seconds=0)
                stored = [row[0] for row in house.rows("SELECT id FROM event ORDER BY sequence")]

                def followed() -> list[str]:
                    return [json.loads(line)["id"] for line in (house.folder / "log/followed").read_text().splitlines(True) if line.endswith("\n")]

                self.assertTrue(until(lambda: len(followed()) >= len(stored)), "gaps")
                self.assertEqual(followed(), stored)
            finally:
                follow.kill()
                follow.wait()
                out.close()
            # And the forms, filters and pseudonyms of the same events.
            def lines(*arguments: str) -> list[str]:
                run = subprocess.run([*postern, "events", *arguments], capture_output=True, text=True, timeout=60)
                self.assertEqual(run.returncode, 0, run.stderr)
                return run.stdout.splitlines()
            self.assertEqual(json.loads(lines("--format", "samba", "--limit", "1")[0])["type"], "Authentication")
            self.assertEqual(json.loads(lines("--format", "ecs", "--limit", "1")[0])["event"]["module"], "postern")
            self.assertIn("alice", "\n".join(lines("--since", "1h", "--limit", "5")))
            self.assertNotIn("alice", "\n".join(lines("--pseudonymise", "--format", "json", "--limit", "5")))
            self.assertEqual(lines("--client", "203.0.113.1", "--format", "json"), [])
            address = json.loads(lines("--format", "json", "--limit", "1")[0])["client"]["address"]
            found = [json.loads(line)["client"]["address"] for line in lines("--client", address, "--format", "json", "--limit", "3")]
            self.assertEqual(set(found), {address})
            self.assertEqual(lines("--finding", "no-such", "--format", "json"), [])
            self.assertEqual(lines("--setting", "no-such", "--format", "json"), [])
            wrong = subprocess.run([*postern, "events", "--since", "yesterday"], capture_output=True, text=True, timeout=60)
            self.assertEqual(wrong.returncode, 2, wrong.stderr)
            key = house.folder / "pseudonyms.key"
            key.write_text("00" * 16 + "\n")
            key.chmod(0o644)
            refused = subprocess.run([*postern, "events", "--key-file", key], capture_output=True, text=True, timeout=60)
            self.assertNotEqual(refused.returncode, 0, "a key that others can read")
            key.chmod(0o600)
            once, again = (lines("--key-file", str(key), "--format", "json", "--limit", "3") for _ in range(2))
            self.assertEqual(once, again)
            self.assertFalse([line for line in once if re.search("alice|LAB", line)])


if __name__ == "__main__":
    unittest.main()
