#!/usr/bin/env bash
# Installs what the tests and benches need beside the Python packages, where it is missing; says what there is, a line each.
# Safe to run again and again. Without root and without sudo it installs nothing and only says what is missing.
set -euo pipefail

postgres_binaries() {
    local found
    for found in /usr/lib/postgresql/*/bin; do
        if [ -x "$found/initdb" ] && [ -x "$found/pg_ctl" ]; then
            echo "$found"
            return 0
        fi
    done
    return 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

install_postgres() {
    command -v apt-get >/dev/null || return 1
    # The package would start a cluster of its own, which nobody needs: the tests start theirs.
    as_root mkdir -p /etc/postgresql-common || return 1
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        echo "create_main_cluster = false" | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    as_root apt-get update -qq >&2 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql >&2
}

install_chromium() {
    command -v apt-get >/dev/null || return 1
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >&2
}

missing=0

if ! postgres_binaries >/dev/null; then
    install_postgres || true
fi
if binaries=$(postgres_binaries); then
    echo "postgresql: $("$binaries/postgres" --version | sed 's/^postgres (PostgreSQL) //') in $binaries (tests start their own cluster)"
else
    echo "postgresql: missing, and not installed (no root, no sudo, or no apt-get): its tests are skipped"
    missing=1
fi

if [ "$(id -u)" -eq 0 ]; then
    if getent passwd postgres >/dev/null && command -v runuser >/dev/null; then
        echo "postgres user: there (the server does not run as root)"
    else
        echo "postgres user: missing; the tests of PostgreSQL cannot run as root without it"
        missing=1
    fi
fi

if ! command -v chromium >/dev/null; then
    install_chromium || true
fi
if command -v chromium >/dev/null; then
    echo "chromium: $(command -v chromium) (the pages and reports are opened in it)"
else
    echo "chromium: missing, and not installed: its tests are skipped"
    missing=1
fi

if command -v wrk >/dev/null; then
    echo "wrk: $(command -v wrk) (optional, for the serving benches)"
else
    echo "wrk: not there (optional, for the serving benches)"
fi

exit "$missing"
