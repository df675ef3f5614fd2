# packages.sh - what Debian 12 packages Postern needs, in one place. Sourced after common.sh.
# An entry is a package, or package=command when any program of that name will do (a newer node, say).
# shellcheck shell=bash disable=SC2034,SC2191

PACKAGES_BUILD=(
  g++=g++ cmake=cmake ninja-build=ninja pkg-config=pkg-config ccache=ccache git=git
  libssl-dev libcurl4-openssl-dev libsqlite3-dev libboost1.81-dev libkrb5-dev
  nlohmann-json3-dev libfmt-dev libspdlog-dev libcli11-dev libtomlplusplus-dev libsimdjson-dev
  zlib1g-dev libzstd-dev libpcap0.8-dev libseccomp-dev
)
PACKAGES_START=(openssl=openssl curl=curl ca-certificates)
PACKAGES_TEST=(
  libgtest-dev libgmock-dev nettle-dev binutils=readelf python3=/usr/bin/python3
  gss-ntlmssp libwinpr2-dev winbind=ntlm_auth python3-samba tshark=tshark # other implementations, for tests/interop
  valgrind=valgrind shellcheck=shellcheck mandoc=mandoc openssl=openssl curl=curl procps systemd=systemd-analyze
)
PACKAGES_FUZZ=(clang-19=clang++-19 clang-tidy-19=clang-tidy-19 clang-format-19=clang-format-19 libclang-rt-19-dev)
PACKAGES_PEERS=(
  python3=/usr/bin/python3 openssl=openssl curl=curl wget=wget
  chromium=chromium nodejs=node npm=npm openjdk-17-jdk-headless=javac golang-go=go golang-github-azure-go-ntlmssp-dev
  winbind=ntlm_auth gss-ntlmssp python3-gssapi python3-requests-ntlm python3-ntlm-auth
  apache2-bin libapache2-mod-auth-gssapi
)
