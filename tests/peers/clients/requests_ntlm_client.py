#!/usr/bin/python3
"""python requests-ntlm. usage: requests_ntlm_client.py URL DOMAIN\\USER PASSWORD ; prints the HTTP status, and writes the page to the file that CLIENT_BODY names.

Needs OPENSSL_CONF with the legacy provider: this library takes MD4 from OpenSSL. On https it sends channel bindings.
"""
import os
import sys
import warnings

import requests
from requests_ntlm import HttpNtlmAuth

warnings.simplefilter("ignore")  # an unverified certificate: the test's own


class Remembering(requests.adapters.HTTPAdapter):
    """requests-ntlm 1.1 looks for a CHALLENGE in whatever answers its NEGOTIATE, and fails with a KeyError on an answer that offers nothing."""

    last = None

    def send(self, *arguments, **options):
        Remembering.last = super().send(*arguments, **options)
        return Remembering.last


session = requests.Session()
session.mount("https://", Remembering())
session.mount("http://", Remembering())
try:
    response = session.get(sys.argv[1], auth=HttpNtlmAuth(sys.argv[2], sys.argv[3]), verify=False, timeout=30)
except KeyError:
    response = Remembering.last
if os.environ.get("CLIENT_BODY"):
    with open(os.environ["CLIENT_BODY"], "wb") as page:
        page.write(response.content)
print(response.status_code)
