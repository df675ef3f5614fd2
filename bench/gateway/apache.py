"""Apache with mod_auth_gssapi over gss-ntlmssp: what the gateway is measured beside. The same logon, the same certificate."""
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from scratch import PASSWORD, free_port

PROGRAM = pathlib.Path("/usr/sbin/apache2")
MODULES = pathlib.Path("/usr/lib/apache2/modules")
NEEDED = [PROGRAM, MODULES / "mod_auth_gssapi.so", MODULES / "mod_proxy_http.so"]
START_SECONDS = 20


def missing() -> list[str]:
    absent = [str(path) for path in NEEDED if not path.exists()]
    if not list(pathlib.Path("/usr/lib").glob("*/gssntlmssp/gssntlmssp.so")):
        absent.append("gss-ntlmssp")
    return absent


class Apache:
    """/logon/ is a file behind the logon, /proxied/ the upstream behind it. No access log, no session tickets: our gateway has none either."""

    def __init__(self, certificate: pathlib.Path, key: pathlib.Path, upstream: int):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-apache-"))
        self.folder.chmod(0o755)
        self.http, self.https = free_port(), free_port()
        (self.folder / "www/logon").mkdir(parents=True)
        (self.folder / "www/logon/index.html").write_text("logged on\n")
        (self.folder / "run").mkdir()
        users = self.folder / "users"
        users.write_text(f"LAB:alice:{PASSWORD}\n")
        for name, source in (("crt.pem", certificate), ("key.pem", key)):
            shutil.copy(source, self.folder / name)
        identity = ""
        if os.getuid() == 0:
            server = pwd.getpwnam("www-data")
            os.chown(users, server.pw_uid, server.pw_gid)
            os.chown(self.folder / "run", server.pw_uid, server.pw_gid)
            identity = "User www-data\nGroup www-data\n"
        users.chmod(0o600)
        modules = "".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so\n" for name in
                          ("mpm_event", "authn_core", "authz_core", "authz_user", "auth_gssapi", "dir", "env", "mime", "ssl", "proxy", "proxy_http"))
        logon = "AuthType GSSAPI\nAuthName bench\nGssapiAllowedMech ntlmssp\nGssapiConnectionBound On\nRequire valid-user\n"
        (self.folder / "httpd.conf").write_text(f"""
ServerRoot {self.folder}
ServerName localhost
PidFile {self.folder}/run/httpd.pid
ErrorLog {self.folder}/error.log
{identity}{modules}
TypesConfig /dev/null
DocumentRoot {self.folder}/www
DirectoryIndex index.html
Listen 127.0.0.1:{self.http}
Listen 127.0.0.1:{self.https}
KeepAlive On
KeepAliveTimeout 600
MaxKeepAliveRequests 0
StartServers 4
ServerLimit 8
ThreadsPerChild 64
MaxRequestWorkers 512
MinSpareThreads 64
MaxSpareThreads 512
AsyncRequestWorkerFactor 32
<Directory {self.folder}/www>
  Require all granted
</Directory>
<Location /logon>
{logon}</Location>
<Location /proxied>
{logon}ProxyPass http://127.0.0.1:{upstream}
</Location>
<VirtualHost 127.0.0.1:{self.https}>
  SSLEngine on
  SSLSessionTickets off
  SSLCertificateFile {self.folder}/crt.pem
  SSLCertificateKeyFile {self.folder}/key.pem
</VirtualHost>
""")

    def __enter__(self):
        environment = dict(os.environ, NTLM_USER_FILE=str(self.folder / "users"))
        self.process = subprocess.Popen([PROGRAM, "-d", self.folder, "-f", self.folder / "httpd.conf", "-DFOREGROUND"], env=environment,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.https), 1).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    self.__exit__()
                    raise RuntimeError("Apache did not start")
                time.sleep(0.1)

    def __exit__(self, *_) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder)
