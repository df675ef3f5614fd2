"""Policy end to end, through postern-gateway and posternd: a policy that changes under an open connection, audits, and what a refused client is told.

The client is Samba's ntlm_auth, as a helper that makes tokens; the connection is ours.
"""
import http.client
import json
import shutil
import ssl
import subprocess
import unittest

from scratch import BIN, PASSWORD, House, Refused

DOMAIN, USER = "LAB", "alice"


class Client:
    """One keep-alive connection, on which one logon after another is made."""

    def __init__(self, house: House):
        self.connection = http.client.HTTPSConnection("127.0.0.1", house.https, context=ssl._create_unverified_context(), timeout=60)
        self.connection.connect()
        self.local_port = self.connection.sock.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def get(self, token: str = "") -> http.client.HTTPResponse:
        headers = {"Accept": "application/json"}
        if token:
            headers["Authorization"] = f"NTLM {token}"
        self.connection.request("GET", "/", headers=headers)
        response = self.connection.getresponse()
        response.page = response.read().decode()
        return response

    def still_the_same(self) -> bool:
        """The connection was neither closed nor opened anew."""
        return self.connection.sock is not None and self.connection.sock.getsockname()[1] == self.local_port

    def log_on(self, user: str = USER, password: str = PASSWORD) -> http.client.HTTPResponse:
        """The last answer of a logon, or the one that ended it early."""
        command = ["ntlm_auth", "--configfile=/dev/null", "--helper-protocol=ntlmssp-client-1", f"--domain={DOMAIN}", f"--username={user}",
                   f"--password={password}"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as helper:
            def ask(line: str) -> str:
                helper.stdin.write(line + "\n")
                helper.stdin.flush()
                return helper.stdout.readline().split()[1]

            response = self.get(ask("YR"))
            offers = response.headers.get_all("WWW-Authenticate") or []
            if response.status == 401 and len(offers) == 1 and offers[0].startswith("NTLM "):
                response = self.get(ask("TT " + offers[0].split()[1]))
            helper.stdin.close()
        return response


@unittest.skipUnless(shutil.which("ntlm_auth"), "Samba's ntlm_auth is not installed")
class SystemPolicy(unittest.TestCase):
    def setUp(self):
        self.house = House(policy="").__enter__()
        self.addCleanup(self.house.__exit__, None, None, None)
        self.admin = self.house.admin()
        self.addCleanup(self.admin.close)

    def set_policy(self, text: str) -> None:
        self.house.policy_file.write_text(text)
        self.admin.ask("policy.reload")

    def events(self, *arguments) -> list[str]:
        return subprocess.run([BIN / "postern", "--socket", self.house.folder / "run/admin.sock", *arguments, "events"], check=True, text=True,
                              capture_output=True, timeout=60).stdout.splitlines()

    def last_event(self) -> dict:
        return json.loads(self.events("--json")[-1])

    def decisive(self) -> tuple:
        first = self.last_event()["policy"][0]
        return first["setting"], first["value"], first["decision"]

    def log_lines(self) -> str:
        return (self.house.folder / "log/gateway.log").read_text()

    def test_R38_APolicyThatChangesHoldsFromTheNextLogonOnAndDropsNoConnection(self):
        with Client(self.house) as client:
            self.assertEqual(client.log_on().status, 200)
            self.set_policy("RestrictReceivingNTLMTraffic = 2\n")
            self.assertEqual(client.get().status, 200, "who is logged on stays so")
            refused = client.log_on()
            self.assertEqual(refused.status, 403)
            self.assertIsNone(refused.headers.get_all("WWW-Authenticate"))
            told = json.loads(refused.page)
            self.assertEqual((told["setting"], told["value"], told["stage"]), ("RestrictReceivingNTLMTraffic", "2", "negotiate"))
            self.assertEqual(self.decisive(), ("RestrictReceivingNTLMTraffic", "2", "deny"))
            self.assertEqual(self.last_event()["id"], told["event_id"], "the operator finds it by what the page says")

            self.house.policy_file.write_text("RestrictReceivingNTLMTraffic = 7\n")
            with self.assertRaises(Refused) as wrong:
                self.admin.ask("policy.reload")
            self.assertIn("policy.toml:1", str(wrong.exception))
            self.assertEqual(client.log_on().status, 403, "the old policy stays where the new one is wrong")

            self.set_policy("RestrictReceivingNTLMTraffic = 0\n")
            self.assertEqual(client.log_on().status, 200)
            self.assertTrue(client.still_the_same())

    def test_AnAuditLetsThroughAndRecordsWhatWouldHaveBeenDenied(self):
        self.set_policy("AuditReceivingNTLMTraffic = 2\nAuditNTLMInDomain = 7\n")
        with Client(self.house) as client:
            self.assertEqual(client.log_on().status, 200)
        event = self.last_event()
        self.assertEqual(event["outcome"], "success")
        self.assertEqual({(one["setting"], one["decision"]) for one in event["policy"] if one["decision"] != "allow"},
                         {("AuditReceivingNTLMTraffic", "audit"), ("AuditNTLMInDomain", "audit")})
        self.assertNotIn("setting=", self.log_lines())
        # What it said would be denied is denied by the setting that it is the audit of; and without the audit nothing is said.
        self.set_policy("RestrictReceivingNTLMTraffic = 1\n")
        with Client(self.house) as client:
            refused = client.log_on()
        self.assertEqual(refused.status, 401)
        self.assertEqual(self.decisive(), ("RestrictReceivingNTLMTraffic", "1", "deny"))
        self.assertIn('setting=RestrictReceivingNTLMTraffic value="1" point=server stage=response', self.log_lines())
        self.set_policy("")
        with Client(self.house) as client:
            self.assertEqual(client.log_on().status, 200)
        self.assertEqual([one for one in self.last_event()["policy"] if one["decision"] != "allow"], [])

    def test_MissingBindingsAreExplainedOnceOnAConnectionThatEnds(self):
        self.set_policy("[service.gateway]\nExtendedProtection = \"always\"\n")
        with Client(self.house) as client:
            refused = client.log_on()
            self.assertEqual(refused.status, 401)
            self.assertEqual(refused.headers.get_all("WWW-Authenticate"), ["Negotiate", "NTLM"])
            self.assertEqual(refused.headers["Connection"], "close")
            self.assertEqual(refused.headers["Cache-Control"], "no-store")
            self.assertIsNone(client.connection.sock)
        told = json.loads(refused.page)
        self.assertEqual((told["setting"], told["value"], told["reason"]), ("ExtendedProtection", "always", "no channel bindings came"))
        self.assertIn("when-supported", told["cure"])
        self.assertIn('setting=ExtendedProtection value="always" point=server stage=response reason="no channel bindings came" cure="', self.log_lines())
        self.assertIn("to change that: " + told["cure"], self.events()[-1])
        self.set_policy("[service.gateway]\nExtendedProtection = \"when-supported\"\n")
        with Client(self.house) as client:
            self.assertEqual(client.log_on().status, 200)

    def test_R37_AWrongPasswordAnUnknownAccountAndADisabledOneGetTheSameBytesUnderEachPolicy(self):
        self.admin.ask("account.add", account="LAB\\dora", password=PASSWORD)
        self.admin.ask("account.disable", account="LAB\\dora")
        tries = ((USER, "Wrong.1"), ("nobody", PASSWORD), ("dora", PASSWORD), ("dora", "Wrong.1"))

        def answer(user, password):
            with Client(self.house) as client:
                response = client.log_on(user, password)
            headers = [(name, value) for name, value in response.headers.items() if name != "Date"]
            page = response.page
            if page.startswith("{"):  # each has an event of its own
                event = json.loads(page)["event_id"]
                page = page.replace(event, "")
            return response.status, [item for item in headers if item[0] != "Content-Length"], page

        for policy in ("", "RestrictReceivingNTLMTraffic = 1\n", "RestrictNTLMInDomain = 7\n"):
            self.set_policy(policy)
            answers = [answer(*each) for each in tries]
            self.assertEqual(answers[0][0], 401)
            self.assertNotIn("setting", answers[0][2], policy)
            for each in answers[1:]:
                self.assertEqual(each, answers[0], policy)
        # The twin that names a setting: there as well, no account and no password makes a difference.
        self.set_policy("ExtendedProtection = \"always\"\n")
        answers = [answer(*each) for each in (*tries, (USER, PASSWORD))]
        self.assertIn("ExtendedProtection", answers[0][2])
        for each in answers[1:]:
            self.assertEqual(each, answers[0])


if __name__ == "__main__":
    unittest.main()
