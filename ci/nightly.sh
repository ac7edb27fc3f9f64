#!/usr/bin/env bash
# Measures a target, adds the figures to a history and looks for lasting steps in it: ci/nightly.sh HISTORY [TARGET]
# Exit code 1: a confirmed regression that nobody has looked at. For a machine that does nothing else at that time.
set -euo pipefail

if [ $# -lt 1 ]; then
  echo 'usage: ci/nightly.sh HISTORY [TARGET]' >&2
  exit 2
fi
history=$(realpath --canonicalize-missing "$1")
target=${2:-reference}
if [ -f "$target" ]; then
  target=$(realpath "$target")
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
dotnet build src/Cli --configuration Release --verbosity quiet -nologo
vsockspec=(dotnet src/Cli/bin/Release/net10.0/vsockspec.dll)

night=$(mktemp -d)
trap 'rm -rf "$night"' EXIT
"${vsockspec[@]}" perf run --target "$target" --out "$night"
"${vsockspec[@]}" perf history append "$history" "$night" --commit "$(git rev-parse --short=12 HEAD)"
"${vsockspec[@]}" perf history show "$history"
