"""R32: kill -9 of posternd at random moments, under account changes and logons, loses nothing that was acknowledged."""
import random
import threading
import time
import unittest

from scratch import PASSWORD, Admin, House, Refused, finish_load

ROUNDS = 16
LONGEST_ROUND_SECONDS = 0.8


class Changes(threading.Thread):
    """Changes accounts one after the other and keeps what was acknowledged: account -> enabled. What was under way at the end is in doubt."""

    def __init__(self, admin: Admin, round_number: int, known: dict[str, bool]):
        super().__init__()
        self.admin, self.prefix, self.known = admin, f"r{round_number}n", known
        self.in_doubt: set[str] = set()
        self.acknowledged = 0

    def run(self) -> None:
        for number in range(100_000):
            name = f"{self.prefix}{number}"
            try:
                self.change(name, True, "account.add", password=PASSWORD)
                if number % 2:
                    self.change(name, False, "account.disable")
                elif number % 4:
                    self.change(name, None, "account.remove")
            except (ConnectionError, OSError):
                return

    def change(self, name: str, enabled: bool | None, op: str, **members) -> None:
        self.in_doubt.add(name)
        self.admin.ask(op, account=f"LAB\\{name}", **members)
        self.in_doubt.discard(name)
        self.acknowledged += 1
        self.known[name] = enabled


class SystemKill(unittest.TestCase):
    def test_R32_KillAtRandomMomentsLosesNoAcknowledgedChangeOrEvent(self):
        seed = random.randrange(1 << 32)
        moments = random.Random(seed)
        known: dict[str, bool | None] = {}
        logons = acknowledged = 0
        with House() as house:
            record = house.folder / "logons"
            for number in range(ROUNDS):
                changes = Changes(house.admin(), number, known)
                load = house.start_load(connections=8, seconds=2, record=record)
                changes.start()
                time.sleep(moments.uniform(0.05, LONGEST_ROUND_SECONDS))
                house.posternd.kill()
                changes.join()
                changes.admin.close()
                load.kill()  # what it recorded was answered
                load.wait()
                load.stdout.close()
                acknowledged += changes.acknowledged

                # The files as they lie there, read by SQLite itself.
                self.assertEqual(house.rows("PRAGMA integrity_check"), [("ok",)], f"seed {seed}, round {number}")
                stored = {name: bool(enabled) for name, enabled in house.rows("SELECT name, enabled FROM account")}
                for name, enabled in known.items():
                    if name not in changes.in_doubt:
                        self.assertEqual(stored.get(name), enabled, f"seed {seed}, round {number}: {name}")
                events = {f"{address}:{port}" for address, port in house.rows(
                    "SELECT json_extract(json, '$.client.address'), json_extract(json, '$.client.port') FROM event WHERE outcome = 'success'")}
                answered = record.read_text().split() if record.exists() else []
                self.assertEqual([a for a in answered if a not in events], [], f"seed {seed}, round {number}: answered, and no event")
                logons = len(answered)

                house.posternd.start()
                for name in changes.in_doubt:  # either is right: what the authority has now counts from here on
                    admin = house.admin()
                    try:
                        known[name] = admin.ask("account.show", account=f"LAB\\{name}")["account"]["enabled"]
                    except Refused:
                        known[name] = None
                    admin.close()
                house.wait_until_connected()
            self.assertGreater(acknowledged, 2 * ROUNDS, "too few changes to prove anything")
            self.assertGreater(logons, 2 * ROUNDS, "too few logons to prove anything")
            house.stop()


if __name__ == "__main__":
    unittest.main()
