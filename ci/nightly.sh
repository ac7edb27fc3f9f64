#!/usr/bin/env bash
# Measures a target, adds the figures to a history and looks for lasting steps in it; then measures the same target against itself, for the rate of false alarms.
#
#   ci/nightly.sh HISTORY [TARGET]
#
# PLAN         what is measured: a plan of suites/perf (default: nightly)
# ALARM_PLAN   the plan of the comparison with itself (default: smoke)
# ALARM_RUNS   its runs, the target twice in turn in each; 0: none (default: 10)
# COMMIT       what is measured (default: the commit of this tree)
# NIGHT        names the night (default: the time)
# VSOCKSPEC    the command of vsockspec (default: this tree is built)
#
# What the night found is in HISTORY/nights/NIGHT: report.html, summary.md, perf.json, alarm-rate.json. A second night on the same history waits for the first.
#
# Exit code 1: a confirmed regression that nobody has looked at, or the target failed; 2: wrong use; 3: the machine was unfit to measure on, and nothing was added to the history.
set -euo pipefail

if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  echo 'usage: ci/nightly.sh HISTORY [TARGET]' >&2
  exit 2
fi
history=$(realpath --canonicalize-missing "$1")
target=${2:-reference}
if [ -f "$target" ]; then
  target=$(realpath "$target")
fi
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if [ -z "${VSOCKSPEC:-}" ]; then
  export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
  dotnet build src/Cli --configuration Release --verbosity quiet -nologo
  VSOCKSPEC='dotnet src/Cli/bin/Release/net10.0/vsockspec.dll'
fi
# shellcheck disable=SC2086 # the command may have words of its own
vsockspec() { $VSOCKSPEC "$@"; }

nights=$history/nights
mkdir -p "$nights"
exec 9> "$history/.lock"
flock 9

# The night becomes a night when it is whole.
night=$(mktemp -d)
trap 'rm -rf "$night"' EXIT
trap 'exit 3' INT TERM HUP
commit=${COMMIT:-$(git rev-parse --short=12 HEAD)}
name=${NIGHT:-$(date -u +%Y%m%dT%H%M%SZ)}
case $name in
  '' | .* | *[!A-Za-z0-9._-]*)
    echo "ci/nightly.sh: NIGHT is '$name'; give letters, digits and . _ -, not beginning with a dot" >&2
    exit 2
    ;;
esac
if [ -e "$nights/$name" ]; then
  echo "ci/nightly.sh: $nights/$name is there already; give the night another name" >&2
  exit 2
fi

measured=0
vsockspec perf run --target "$target" --plan "${PLAN:-nightly}" --only-if-fit --out "$night" 9>&- || measured=$?
if [ ! -f "$night/perf.json" ]; then
  exit "$((measured == 0 ? 3 : measured))"
fi

# 3: unfit, and nothing is added.
vsockspec perf history append "$history" "$night" --commit "$commit"

found=0
vsockspec perf history show "$history" > "$night/steps.txt" || found=$?
if [ "$found" -gt 1 ]; then
  exit "$found"
fi

# What comes of it does not change what was found.
alarm=0
if [ "${ALARM_RUNS:-10}" != 0 ]; then
  vsockspec perf alarm-rate --target "$target" --plan "${ALARM_PLAN:-smoke}" --runs "${ALARM_RUNS:-10}" --nights "$nights" --out "$night" 9>&- || alarm=$?
fi

vsockspec perf report "$night" --history "$history" --out "$night"
mv "$night/summary.md" "$night/page.md"
{
  echo "# Night $name: $target, $commit"
  echo
  case $measured in
    0) ;;
    3) printf '**Some workloads were disturbed and count for nothing.**\n\n' ;;
    *) printf '**The target failed; what was measured is kept.**\n\n' ;;
  esac
  if [ "$found" -eq 0 ]; then
    echo 'No confirmed regression that nobody has looked at.'
  else
    echo '**A confirmed regression that nobody has looked at.**'
  fi
  echo
  echo '```text'
  grep -v ', no step$' "$night/steps.txt"
  echo '```'
  echo
  if [ -f "$night/alarm-rate.md" ]; then
    cat "$night/alarm-rate.md"
  elif [ "$alarm" -ne 0 ]; then
    echo "The comparison with itself ended with exit code $alarm."
  fi
  echo
  cat "$night/page.md"
} > "$night/summary.md"
rm "$night/steps.txt" "$night/page.md"
rm -f "$night/alarm-rate.md"
cp -r "$night" "$nights/.$name"
chmod 755 "$nights/.$name"
mv "$nights/.$name" "$nights/$name"
echo "$nights/$name"

case $measured in
  0 | 3) exit "$found" ;;
  *) exit "$measured" ;;
esac
