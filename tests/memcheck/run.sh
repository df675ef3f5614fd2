#!/bin/bash
# tests/memcheck/run.sh - parsers and secrets under valgrind. Build first: cmake --preset memcheck && cmake --build --preset memcheck
# One line a test; the last line counts them. Exit status 0 if all passed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.." || exit 1
bin=build/memcheck/bin passed=0 failed=0
logs=$(mktemp -d) || exit 1
trap 'rm -rf "$logs"' EXIT

# check NAME EXPECTED COMMAND...: valgrind over COMMAND; it must exit with EXPECTED (9 = memcheck has something to say).
check() {
  local name=$1 expected=$2 status=0; shift 2
  valgrind --quiet --error-exitcode=9 --suppressions=tests/memcheck/named-tables.supp "$@" >"$logs/out" 2>&1 || status=$?
  if [ $status = "$expected" ]; then passed=$((passed + 1)); echo "passed  $name"
  else failed=$((failed + 1)); echo "FAILED  $name (exit status $status, not $expected)"; head -n 40 "$logs/out"
  fi
}

check "no branch and no index depends on a key, hash or proof outside the named tables" 0 "$bin/memcheck_secrets"
check "a branch on a key is seen" 9 "$bin/memcheck_secrets" leak
for program in "$bin"/memcheck_*; do
  target=${program##*/memcheck_}
  if [ "$target" = secrets ]; then continue; fi
  check "parser $target reads nothing undefined and nothing outside its input" 0 "$program" "fuzz/corpus/$target"
done
echo "memcheck: $passed passed, $failed failed, 0 skipped"
[ $failed = 0 ]
