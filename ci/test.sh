#!/usr/bin/env bash
# Builds everything once, runs every test, and judges the kernels of two Debian releases in the lab; works from any folder.
# The last line counts the tests; the exit code is 0 only if all of them passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CI=true DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_CLI_UI_LANGUAGE=en

./ci/setup.sh
dotnet restore Conformance.sln --locked-mode --verbosity quiet
dotnet build Conformance.sln --configuration Release --no-restore --verbosity quiet -nologo

# The kernels that guests and labs of the tests boot; nothing is asked of the network when they are cached.
vsockspec=(dotnet src/Cli/bin/Release/net10.0/vsockspec.dll)
"${vsockspec[@]}" guest fetch debian:6.1 debian:6.12

log=$(mktemp)
trap 'rm -f "$log"' EXIT

status=0
dotnet test --solution Conformance.sln --configuration Release --no-build --no-restore --no-progress --no-ansi 2>&1 | tee "$log" || status=$?

# The runner's own summary is the last block that starts with "Test run summary:".
count() {
  sed -n '/^Test run summary:/,$p' "$log" | sed -n "s/^ *$1: *\([0-9][0-9]*\) *$/\1/p" | tail -n 1
}
passed=$(count succeeded) failed=$(count failed) skipped=$(count skipped)
if [ -z "$passed" ]; then
  echo 'ci/test.sh: the test runner printed no summary: no test has run' >&2
  exit 3
fi

# The kernel's own vhost-vsock, in a lab for each kernel. What it is known to do wrong is in suites/expectations; a lab that does not boot is an error.
# Each case counts as a test: passed unless its verdict fails the run.
bundles=$(mktemp -d)
trap 'rm -rf "$log" "$bundles"' EXIT
for kernel in debian:6.1 debian:6.12; do
  bundle="$bundles/${kernel#*:}"
  lab=0
  "${vsockspec[@]}" lab --kernel "$kernel" -- run --target linux-vhost-vsock --trace failed --out "$bundle" || lab=$?
  if [ ! -f "$bundle/cases.jsonl" ]; then
    echo "ci/test.sh: the lab with $kernel judged nothing (exit code $lab)" >&2
    exit 3
  fi
  judged=$(grep -cE '"verdict": ?"(Pass|NonStrict|Informational|KnownFailure)"' "$bundle/cases.jsonl") || true
  broken=$(grep -cE '"verdict": ?"(Fail|UnexpectedPass|Inconclusive|HarnessError)"' "$bundle/cases.jsonl") || true
  echo "lab with $kernel: $judged passed, $broken failed, exit code $lab"
  passed=$((passed + judged)) failed=$((failed + broken))
  if [ "$lab" -ne 0 ]; then
    status=$lab
    failed=$((broken == 0 ? failed + 1 : failed))
  fi
done

echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
