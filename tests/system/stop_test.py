"""Stops and restarts under load: an answer that was promised comes, and the gateway finds the authority again by itself."""
import http.client
import time
import unittest

from scratch import NEGOTIATE, House, finish_load


def status_of_negotiate(house: House) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", house.http, timeout=20)
    try:
        connection.request("GET", "/", headers={"Authorization": "NTLM " + NEGOTIATE})
        return connection.getresponse().status
    finally:
        connection.close()


def is_cut_off(reason: str) -> bool:
    """An answer that had begun and did not come, or was something else than a word of the gateway. A whole CHALLENGE that says `Connection: close` is one:
    the stop came while it was asked for."""
    words = ("connect: ", "no CHALLENGE, status 503", "status 503", "closed while we sent", "closed while we waited", "closed after the CHALLENGE", "status 401")
    return not reason.startswith(words)


class SystemStop(unittest.TestCase):
    def test_TheGatewayStopsWithEachRequestUnderWayAnswered(self):
        """One request is in the middle of its body when the stop comes: it is answered, whole."""
        with House() as house:
            held = http.client.HTTPConnection("127.0.0.1", house.http, timeout=20)
            held.putrequest("POST", "/")
            held.putheader("Content-Length", "10")
            held.endheaders(b"12345")
            load = house.start_load(connections=20, seconds=3)
            time.sleep(1)
            house.gateway.process.terminate()
            time.sleep(0.5)
            self.assertIsNone(house.gateway.process.poll(), "it did not wait for the request under way")
            held.send(b"67890")
            answer = held.getresponse()
            self.assertEqual(answer.status, 401)
            self.assertEqual(len(answer.read()), int(answer.getheader("Content-Length")))
            held.close()
            result = finish_load(load)
            self.assertEqual([why for why in result["reasons"] if is_cut_off(why)], [])
            self.assertEqual(house.gateway.stop(), 0)
            self.assert_all_logons_have_events(house, result["logons"])

    def test_TheAuthorityStopsWithEachVerdictItOwesDelivered(self):
        with House() as house:
            load = house.start_load(connections=20, seconds=3)
            time.sleep(1)
            self.assertEqual(house.posternd.stop(), 0)
            result = finish_load(load)
            self.assertEqual([why for why in result["reasons"] if is_cut_off(why)], [])
            self.assert_all_logons_have_events(house, result["logons"])
            # Whoever was judged heard it: an event says success only where the client saw it too.
            self.assertEqual(house.rows("SELECT count(*) FROM event WHERE outcome = 'success'"), [(result["logons"],)])

    def test_TheGatewayAnswers503WhileTheAuthorityIsAwayAndRecoversByItself(self):
        with House() as house:
            self.assertEqual(status_of_negotiate(house), 401)
            self.assertEqual(house.posternd.stop(), 0)
            self.assertEqual(status_of_negotiate(house), 503)
            house.posternd.start()
            house.wait_until_connected()
            result = house.load(connections=10, seconds=1)
            self.assertEqual(result["failures"], 0, result["reasons"])
            house.stop()

    def assert_all_logons_have_events(self, house: House, logons: int) -> None:
        self.assertGreater(logons, 0)
        [(events,)] = house.rows("SELECT count(*) FROM event WHERE outcome = 'success'")
        self.assertGreaterEqual(events, logons)


if __name__ == "__main__":
    unittest.main()
