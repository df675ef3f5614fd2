"""The command line against running daemons: domains, accounts, events and a logon, with their JSON forms and exit codes."""
import http.server
import json
import subprocess
import threading
import unittest

from scratch import BIN, PASSWORD, House

DONE, NO, USAGE, FAULT = 0, 1, 2, 3


class Redirector(http.server.BaseHTTPRequestHandler):
    """Sends everybody to `target` and keeps what it was sent."""

    target = ""
    authorizations: list = []

    def do_GET(self):
        self.authorizations.append(self.headers.get("Authorization"))
        self.send_response(302)
        self.send_header("Location", self.target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class SystemCommandLine(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.house = House().__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.house.__exit__(None, None, None)

    def run_postern(self, *arguments, password=None):
        done = subprocess.run([BIN / "postern", "--socket", self.house.folder / "run/admin.sock", *arguments], text=True, timeout=60,
                              input=None if password is None else password + "\n", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.returncode, done.stdout, done.stderr

    def ask(self, *arguments, password=None, status=DONE):
        code, out, err = self.run_postern("--json", *arguments, password=password)
        self.assertEqual(code, status, out + err)
        return json.loads(out) if out.strip() else None

    def test_DomainsAreAddedOnceAndShown(self):
        added = self.ask("domain", "add", "SECOND", "--dns", "second.test")
        self.assertEqual((added["name"], added["dns"], added["realm"]), ("SECOND", "second.test", "SECOND.TEST"))
        self.assertTrue(added["sid"].startswith("S-1-5-21-"))
        again = self.ask("domain", "add", "second", "--dns", "other.test", status=NO)
        self.assertEqual(again["error"]["code"], "conflict")
        self.assertIn("SECOND", [domain["name"] for domain in self.ask("domain", "list")])
        self.assertEqual(self.ask("domain", "show", "second.test")["name"], "SECOND")
        self.assertEqual(self.ask("domain", "show", "nowhere", status=NO)["error"]["code"], "not_found")

    def test_AnAccountLivesFromAddToRemove(self):
        self.assertTrue(self.ask("account", "add", "LAB\\carol", "--password-stdin", password=PASSWORD)["enabled"])
        self.assertEqual(self.ask("account", "add", "LAB\\CAROL", "--password-stdin", password=PASSWORD, status=NO)["error"]["code"], "conflict")
        self.assertFalse(self.ask("account", "disable", "carol@lab.test")["enabled"])
        self.assertTrue(self.ask("account", "enable", "LAB\\carol")["enabled"])
        self.assertEqual(self.ask("account", "passwd", "LAB\\carol", "--password-stdin", password="Another.1")["key_version"], 2)
        self.assertFalse(self.ask("account", "unlock", "LAB\\carol")["locked"])
        self.assertIn("LAB\\carol", [account["account"] for account in self.ask("account", "list")])
        self.ask("account", "remove", "LAB\\carol")
        self.assertEqual(self.ask("account", "show", "LAB\\carol", status=NO)["error"]["code"], "not_found")

    def test_R8_AnEmptyPasswordMakesNoAccount(self):
        self.run_postern("account", "add", "LAB\\nobody", "--password-stdin", password="")
        self.assertEqual(self.ask("account", "show", "LAB\\nobody", status=NO)["error"]["code"], "not_found")

    def test_WithoutAnAuthorityTheAnswerIsAFault(self):
        done = subprocess.run([BIN / "postern", "--json", "--socket", self.house.folder / "run/none.sock", "domain", "list"], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, FAULT)
        self.assertEqual(json.loads(done.stdout)["error"]["code"], "no_authority")

    def logon(self, url, user, password, *arguments, status):
        code, out, err = self.run_postern("--json", "logon", url, "-u", user, "--password-stdin", *arguments, password=password)
        self.assertEqual(code, status, out + err)
        return json.loads(out)

    def test_ALogonTellsEightStepsAndIsRefusedWithAnotherPassword(self):
        for url, arguments in ((f"http://127.0.0.1:{self.house.http}/", ()), (f"https://127.0.0.1:{self.house.https}/", ("--insecure",))):
            for package in ("ntlm", "negotiate"):
                told = self.logon(url, "LAB\\alice", PASSWORD, "--package", package, *arguments, status=DONE)
                self.assertTrue(told["allowed"])
                self.assertEqual([step["step"] for step in told["steps"]], list(range(1, 9)))
                self.assertFalse(self.logon(url, "LAB\\alice", PASSWORD + "x", "--package", package, *arguments, status=NO)["allowed"])
        events = [json.loads(line) for line in self.run_postern("--json", "events", "--account", "LAB\\alice")[1].splitlines()]
        self.assertEqual({event["ntlm"]["mic"] for event in events if event["outcome"] == "success"}, {"verified"})
        tls = [event for event in events if event["transport"]["tls"] and event["outcome"] == "success"]
        self.assertEqual({event["ntlm"]["channel_binding"] for event in tls}, {"matched"})

    def test_R25_ARedirectToAnotherOriginCarriesNoLogon(self):
        Redirector.target = f"http://127.0.0.1:{self.house.http}/"
        Redirector.authorizations = []
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Redirector) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            url = f"http://127.0.0.1:{server.server_address[1]}/"
            code, out, _ = self.run_postern("--json", "logon", url, "-u", "LAB\\dave", "--password-stdin", password=PASSWORD)
            server.shutdown()
        self.assertNotEqual(code, DONE)
        self.assertEqual(json.loads(out)["error"]["code"], "policy")
        self.assertEqual(Redirector.authorizations, [None])
        self.assertEqual(self.run_postern("--json", "events", "--account", "LAB\\dave")[1].strip(), "", "no logon was begun")

    def test_R25_APolicyFileBindsTheTypedAddressAndAWrongOneSendsNothing(self):
        url = f"http://127.0.0.1:{self.house.http}/"
        policy = self.house.folder / "client-policy.toml"

        def code_and_answer(text, *arguments):
            policy.write_text(text)
            code, out, _ = self.run_postern("--json", "logon", url, "-u", "LAB\\alice", "--password-stdin", "--policy", policy, *arguments, password=PASSWORD)
            return code, json.loads(out)

        self.assertEqual(code_and_answer("RestrictSendingNTLMTraffic = 1\n")[0], DONE)
        before = len(self.run_postern("--json", "events", "--limit", "1000")[1].splitlines())
        code, answer = code_and_answer("RestrictSendingNTLMTraffic = 2\n")
        self.assertEqual((code, answer["error"]["code"]), (NO, "policy"))
        self.assertIn("RestrictSendingNTLMTraffic = 2", answer["error"]["message"])
        code, answer = code_and_answer("RestrictSendingNTLMTraffic = 3\n")
        self.assertEqual(code, USAGE)
        self.assertIn("client-policy.toml:1: RestrictSendingNTLMTraffic", answer["error"]["message"])
        self.assertEqual(len(self.run_postern("--json", "events", "--limit", "1000")[1].splitlines()), before, "nothing was sent")
        self.assertEqual(code_and_answer("RestrictSendingNTLMTraffic = 2\n", "--set", "RestrictSendingNTLMTraffic=1")[0], DONE, "the twin")


if __name__ == "__main__":
    unittest.main()
