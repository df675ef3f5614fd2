# acceptors.sh - NTLM acceptors that are not ours, for our client and to prove the clients: Samba and gss-ntlmssp behind acceptor.py, Apache.
# shellcheck shell=bash disable=SC2034 # run.sh reads what is set here

# make_test_certificate: a certificate of the test's own in $SCRATCH/tls.crt and tls.key (RSA, SHA-256).
make_test_certificate() {
  openssl req -x509 -newkey rsa:2048 -nodes -sha256 -days 30 -subj /CN=localhost -addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' \
    -keyout "$SCRATCH/tls.key" -out "$SCRATCH/tls.crt" 2>"$SCRATCH/logs/openssl.log"
}

# start_acceptor BACKEND: sets ACCEPTOR_HTTP and ACCEPTOR_HTTPS to the URLs of a fresh samba or gss acceptor that knows the one right account.
start_acceptor() {
  local backend=$1 http https
  free_ports 2; http=${PORTS[0]} https=${PORTS[1]}
  printf '%s:%s:%s\n' "$DOMAIN" "$USER_RIGHT" "$PASSWORD_RIGHT" >"$SCRATCH/acceptor.users"
  export NTLM_USER_FILE=$SCRATCH/acceptor.users DOMAIN ACCOUNT=$USER_RIGHT PASSWORD=$PASSWORD_RIGHT
  spawn "acceptor-$backend-http" /usr/bin/python3 "$PEERS/acceptor.py" "$http" "$backend"
  wait_for_port "$http" "${PIDS[-1]}" || return 1
  spawn "acceptor-$backend-https" /usr/bin/python3 "$PEERS/acceptor.py" "$https" "$backend" --tls "$SCRATCH/tls.crt" "$SCRATCH/tls.key"
  wait_for_port "$https" "${PIDS[-1]}" || return 1
  unset NTLM_USER_FILE
  ACCEPTOR_HTTP=http://localhost:$http/ ACCEPTOR_HTTPS=https://localhost:$https/
}

# start_apache: the same two URLs for Apache with mod_auth_gssapi over gss-ntlmssp; it runs as www-data when started by root.
start_apache() {
  local home=$SCRATCH/apache modules=/usr/lib/apache2/modules module http https
  free_ports 2; http=${PORTS[0]} https=${PORTS[1]}
  mkdir -p "$home/www/logon" "$home/run"
  printf 'logged on\n' >"$home/www/logon/index.html"
  printf '%s:%s:%s\n' "$DOMAIN" "$USER_RIGHT" "$PASSWORD_RIGHT" >"$home/users"
  {
    printf 'ServerRoot %s\nServerName localhost\nPidFile %s/run/httpd.pid\nErrorLog %s/error.log\n' "$home" "$home" "$home"
    if [ "$(id -u)" = 0 ]; then printf 'User www-data\nGroup www-data\n'; fi
    for module in mpm_event authn_core authz_core authz_user auth_gssapi dir env mime ssl; do printf 'LoadModule %s_module %s/mod_%s.so\n' "$module" "$modules" "$module"; done
    # GssapiConnectionBound: NTLM's logon belongs to the connection.
    cat <<CONF
TypesConfig /dev/null
DocumentRoot $home/www
DirectoryIndex index.html
Listen 127.0.0.1:$http
Listen 127.0.0.1:$https
KeepAlive On
<Directory $home/www>
  Require all granted
</Directory>
<Location /logon>
  AuthType GSSAPI
  AuthName peers
  GssapiAllowedMech ntlmssp
  GssapiConnectionBound On
  Require valid-user
</Location>
<VirtualHost 127.0.0.1:$https>
  SSLEngine on
  SSLCertificateFile $SCRATCH/tls.crt
  SSLCertificateKeyFile $SCRATCH/tls.key
</VirtualHost>
CONF
  } >"$home/httpd.conf"
  if [ "$(id -u)" = 0 ]; then chown root:www-data "$home/users"; chown www-data "$home/run"; fi
  chmod 640 "$home/users"
  spawn apache env NTLM_USER_FILE="$home/users" /usr/sbin/apache2 -d "$home" -f "$home/httpd.conf" -DFOREGROUND
  wait_for_port "$http" "${PIDS[-1]}" && wait_for_port "$https" "${PIDS[-1]}" || return 1
  ACCEPTOR_HTTP=http://localhost:$http/logon/ ACCEPTOR_HTTPS=https://localhost:$https/logon/
}
