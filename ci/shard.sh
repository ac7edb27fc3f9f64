#!/bin/sh
# Runs one shard of a run that is spread over machines, or merges the shards' bundles.
#
#   ci/shard.sh run [OPTIONS OF vsockspec run]
#   ci/shard.sh merge
#
# JOB_COMPLETION_INDEX  which shard, from 0: what an Indexed Job of Kubernetes sets
# SHARD_COUNT           how many there are
# SHARD_SEED            the seed, the same for all of them
# SHARD_OUT             the folder in which all bundles come together: SHARD_OUT/shard-I-of-N, and SHARD_OUT/whole of the merge
# VSOCKSPEC             the command of vsockspec (default: vsockspec)
#
# A shard exits with 0 as soon as its bundle is complete, whatever the verdicts: the merge tells those, with the exit code of a run in one piece. A shard that was
# killed and is run again goes on where it was; one that is complete is left alone.
set -eu

fail() {
  echo "ci/shard.sh: $1" >&2
  exit 2
}

number() {
  case $2 in
    '' | *[!0-9]* | 0?* | ???????????*) fail "$1 is '$2'; give a whole number" ;;
  esac
}

vsockspec=${VSOCKSPEC:-vsockspec}
number SHARD_COUNT "${SHARD_COUNT:-}"
[ "$SHARD_COUNT" -ge 1 ] || fail "SHARD_COUNT is 0; give at least 1"
[ -n "${SHARD_OUT:-}" ] || fail 'SHARD_OUT is not set; give the folder for the bundles'
[ $# -ge 1 ] || fail 'say run or merge'
action=$1
shift

is_complete() {
  [ -f "$1/results.json" ] && grep -q '"state": "Complete"' "$1/results.json"
}

case $action in
  run)
    number JOB_COMPLETION_INDEX "${JOB_COMPLETION_INDEX:-}"
    number SHARD_SEED "${SHARD_SEED:-}"
    [ "$JOB_COMPLETION_INDEX" -lt "$SHARD_COUNT" ] || fail "JOB_COMPLETION_INDEX is $JOB_COMPLETION_INDEX, and the last of $SHARD_COUNT shards has $((SHARD_COUNT - 1))"
    shard=$((JOB_COMPLETION_INDEX + 1))
    bundle=$SHARD_OUT/shard-$shard-of-$SHARD_COUNT
    if is_complete "$bundle"; then
      echo "ci/shard.sh: $bundle is complete already"
      exit 0
    fi

    where=--out
    [ ! -f "$bundle/results.json" ] || where=--resume
    code=0
    # shellcheck disable=SC2086 # the command may have words of its own
    $vsockspec run "$@" --seed "$SHARD_SEED" --shard "$shard/$SHARD_COUNT" "$where" "$bundle" || code=$?
    is_complete "$bundle" || exit "$((code == 0 ? 3 : code))"
    ;;
  merge)
    # shellcheck disable=SC2086
    $vsockspec merge "$SHARD_OUT"/shard-*-of-"$SHARD_COUNT" --out "$SHARD_OUT/whole"
    ;;
  *) fail "'$action' is neither run nor merge" ;;
esac
