#!/usr/bin/env bash
# Installs the Debian packages that the tests use. Does nothing when all of them are there; needs no network then.
set -euo pipefail

# docker.io runs targets in containers; tshark decodes our traces; gcc checks our wire layouts against the system's C headers; kmod, xz-utils and zstd prepare kernels and their
# modules; cpio reads the initramfs that we write; QEMU is the lab and guests, its virtiofsd and busybox the lab; clang, lld and zlib1g-dev link the agent that runs
# in guests; make builds the kernel's own vsock tests; user-mode-linux is the guest that needs neither KVM nor root; openssl checks our
# signatures; chromium shows the report as a person sees it; python3-junitparser reads junit.xml,
# python3-prometheus-client the figures as OpenMetrics.
packages=(docker.io tshark gcc make libc6-dev linux-libc-dev kmod xz-utils zstd cpio qemu-system-x86 qemu-system-common busybox-static clang lld zlib1g-dev user-mode-linux openssl chromium python3-junitparser python3-prometheus-client)

missing=()
for package in "${packages[@]}"; do
  if [ "$(dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null)" != 'install ok installed' ]; then
    missing+=("$package")
  fi
done
# node checks the definitions under ci/ and the documents of bundles against published schemas; one that is here already may come from elsewhere and bring npm along.
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
  missing+=(nodejs npm)
fi

# The schemas, as locked in ci/schemas; nothing is asked of the network when they are there.
schemas() {
  local folder
  folder=$(dirname "${BASH_SOURCE[0]}")/schemas
  if ! cmp --silent "$folder/package-lock.json" "$folder/node_modules/.locked"; then
    npm ci --prefix "$folder" --no-audit --no-fund --loglevel error
    cp "$folder/package-lock.json" "$folder/node_modules/.locked"
  fi
}

# Surefire's own schema of junit.xml, which is in no package but in Debian's source of one. The system's package sources are asked for it, and are left as they are.
surefire() (
  folder=$(dirname "${BASH_SOURCE[0]}")/schemas/surefire
  schema=surefire-test-report.xsd
  if [ -f "$folder/$schema" ]; then
    exit
  fi

  mkdir -p "$folder"
  folder=$(cd "$folder" && pwd)
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/sources" "$work/lists" "$work/cache"
  for list in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
    if [ -f "$list" ]; then
      sed -e 's/^deb /deb-src /' -e 's/^Types:.*/Types: deb-src/' "$list" >"$work/sources/$(basename "$list")"
    fi
  done
  apt=(apt-get -qq -o Dir::Etc::SourceList=/dev/null -o "Dir::Etc::SourceParts=$work/sources" -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User=)
  cd "$work"
  "${apt[@]}" update
  "${apt[@]}" source --download-only surefire
  tar -xOf surefire_*.orig.tar.* --wildcards "*/site/resources/xsd/$schema" >"$work/$schema"
  mv "$work/$schema" "$folder/$schema"
)

if [ ${#missing[@]} -eq 0 ]; then
  schemas
  surefire
  exit 0
fi

if ! command -v apt-get >/dev/null; then
  echo "ci/setup.sh: not a Debian system; install with your package manager: ${missing[*]}" >&2
  exit 2
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if ! command -v sudo >/dev/null; then
    echo "ci/setup.sh: missing ${missing[*]}; run as root: apt-get install ${missing[*]}" >&2
    exit 2
  fi
  as_root=(sudo)
fi

echo 'wireshark-common wireshark-common/install-setuid boolean false' | "${as_root[@]}" debconf-set-selections
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
schemas
surefire
