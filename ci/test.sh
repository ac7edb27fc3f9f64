#!/usr/bin/env bash
# Builds everything once and runs every test; works from any folder.
# The last line counts the tests; the exit code is 0 only if all of them passed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export CI=true DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_CLI_UI_LANGUAGE=en

./ci/setup.sh
dotnet restore Conformance.sln --locked-mode --verbosity quiet
dotnet build Conformance.sln --configuration Release --no-restore --verbosity quiet -nologo

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
echo "$passed passed, $failed failed, $skipped skipped"
exit "$status"
