"""R4, R34: many logons at a time, idle half-open handshakes beside them, and failed logons, with real programs."""
import contextlib
import socket
import unittest

from scratch import NEGOTIATE, SANITIZED, House, resident_kb

WARM_UP_LOGONS_SECONDS = 3
FLAT_KB = 6 * 1024 if SANITIZED else 1024  # ASan's allocator gives nothing back; a leak is also found by LeakSanitizer, at the stop


def half_open_connection(port: int) -> socket.socket:
    """A connection that has had its CHALLENGE and says no more."""
    connection = socket.create_connection(("127.0.0.1", port), 20)
    connection.sendall(f"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: NTLM {NEGOTIATE}\r\n\r\n".encode())
    answer = connection.recv(65536)
    assert answer.startswith(b"HTTP/1.1 401") and b"NTLM TlRM" in answer, answer
    return connection


def is_ended(connection: socket.socket) -> bool:
    connection.settimeout(0.02)
    try:
        while connection.recv(65536):  # what was left of the answer
            pass
        return True
    except TimeoutError:
        return False
    except ConnectionError:
        return True


class SystemLoad(unittest.TestCase):
    def test_R34_FiftyConnectionsLogOnBesideAThousandHalfOpenOnes(self):
        with House() as house:
            result = house.load(connections=50, seconds=5, half_open=1000)
            self.assertEqual(result["failures"], 0, result["reasons"])
            self.assertGreater(result["logons"], 50)
            self.assertEqual((result["half_open"], result["half_open_closed"]), (1000, 0))
            house.stop()

    def test_R34_FiftyConnectionsLogOnOverTls(self):
        with House() as house:
            result = house.load(connections=50, seconds=3, tls=True)
            self.assertEqual(result["failures"], 0, result["reasons"])
            self.assertGreater(result["logons"], 50)
            bindings = {row[0] for row in house.rows("SELECT json_extract(json, '$.ntlm.channel_binding') FROM event")}
            self.assertEqual(bindings, {"matched"})
            house.stop()

    def test_R34_TheOldestHalfOpenConnectionsGiveWayAtTheLimit(self):
        with House(gateway_end="[limits]\nmax_half_open = 100\n") as house, contextlib.ExitStack() as stack:
            held = [stack.enter_context(half_open_connection(house.http)) for _ in range(150)]
            result = house.load(connections=4, seconds=1)
            self.assertEqual(result["failures"], 0, result["reasons"])
            self.assertGreater(result["logons"], 4)
            self.assertEqual([is_ended(connection) for connection in held[:50]], [True] * 50, "the oldest were to go")
            house.stop()

    def test_R34_BelowTheLimitNobodyGivesWay(self):
        with House(gateway_end="[limits]\nmax_half_open = 100\n") as house, contextlib.ExitStack() as stack:
            held = [stack.enter_context(half_open_connection(house.http)) for _ in range(90)]
            self.assertEqual(house.load(connections=4, seconds=1)["failures"], 0)
            self.assertEqual([is_ended(connection) for connection in held], [False] * 90)

    def test_R4_FailedLogonsKeepResidentMemoryFlat(self):
        with House() as house:
            house.load(connections=20, seconds=WARM_UP_LOGONS_SECONDS, work="refused")
            before = [resident_kb(daemon.pid) for daemon in (house.posternd, house.gateway)]
            result = house.load(connections=20, seconds=8, work="refused")
            after = [resident_kb(daemon.pid) for daemon in (house.posternd, house.gateway)]
            self.assertEqual(result["failures"], 0, result["reasons"])
            self.assertGreater(result["logons"], 1000)
            for name, first, last in zip(("posternd", "postern-gateway"), before, after):
                self.assertLess(last - first, FLAT_KB, f"{name}: {first} kB grew to {last} kB over {result['logons']} failed logons")
            statuses = {row[0] for row in house.rows("SELECT status FROM event")}
            self.assertGreaterEqual(len(statuses), 3, f"wrong password, unknown account and malformed were not all met: {statuses}")
            house.stop()


if __name__ == "__main__":
    unittest.main()
