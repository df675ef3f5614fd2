#!/usr/bin/python3
"""python requests-ntlm. usage: requests_ntlm_client.py URL DOMAIN\\USER PASSWORD ; prints the HTTP status.

Needs OPENSSL_CONF with the legacy provider: this library takes MD4 from OpenSSL. On https it sends channel bindings.
"""
import sys
import warnings

import requests
from requests_ntlm import HttpNtlmAuth

warnings.simplefilter("ignore")  # an unverified certificate: the test's own
response = requests.get(sys.argv[1], auth=HttpNtlmAuth(sys.argv[2], sys.argv[3]), verify=False, timeout=30)
print(response.status_code)
