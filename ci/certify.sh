#!/bin/sh
# Certifies a target in a workflow.
#
#   ci/certify.sh MANIFEST BUNDLE [PROFILE...]
#
# VSOCKSPEC    the command of vsockspec (default: vsockspec)
# SIGNING_KEY  the private key that signs the certificate, as PEM text; empty: it is not signed
#
# Exits as 'vsockspec certify' does. The key is on disk only while it is needed, for this user alone.
set -eu

if [ $# -lt 2 ]; then
  echo "usage: ci/certify.sh MANIFEST BUNDLE [PROFILE...]" >&2
  exit 2
fi

manifest=$1
bundle=$2
shift 2
profiles=$*
set --
for profile in $profiles; do
  set -- "$@" --profile "$profile"
done

if [ -n "${SIGNING_KEY:-}" ]; then
  key=$(mktemp)
  trap 'rm -f "$key"' EXIT
  trap 'exit 3' INT TERM HUP
  printf '%s\n' "$SIGNING_KEY" > "$key"
  set -- "$@" --key "$key"
fi

# The program that is judged is not to see it.
unset SIGNING_KEY
${VSOCKSPEC:-vsockspec} certify --target "$manifest" --out "$bundle" "$@"
