#!/usr/bin/env bash
# Installs what pgstrand needs, on Debian 12 with apt. Safe to run again; takes a moment when everything is there.
#
#   deploy/install-deps.sh [--runtime | --build | --dev | --majors]
#
#   --runtime   what the built programs need to run against a server elsewhere
#   --build     the above, what compiles them, and a PostgreSQL server for the example
#   --dev       the above, and what the tests and checks need (the default)
#   --majors    the PostgreSQL majors that Debian does not have, for the tests: fetched into a cache, not installed
#
# No PostgreSQL cluster is made or started by this: tests and the example make their own, in folders of their own.
set -euo pipefail

runtime=(libpq5 libprotobuf-c1 liblmdb0 libssl3 libzstd1 libinih1 libjansson4 postgresql-client-15)
build=(build-essential cmake ninja-build pkg-config postgresql-15 libpq-dev libprotobuf-c-dev protobuf-c-compiler
    liblmdb-dev libssl-dev libzstd-dev libinih-dev libjansson-dev libcmocka-dev jq)
dev=(ccache clang clang-format clang-tidy libclang-rt-14-dev lld bats git systemd locales gojq)

no_main_cluster=/etc/postgresql-common/createcluster.d/pgstrand-no-main-cluster.conf

fail() {
    echo "install-deps: $*" >&2
    exit 1
}

choose() {
    case "${1:---dev}" in
    --runtime) wanted=("${runtime[@]}") ;;
    --build) wanted=("${runtime[@]}" "${build[@]}") ;;
    --dev) wanted=("${runtime[@]}" "${build[@]}" "${dev[@]}") ;;
    --majors)
        wanted=(openssl)
        # npm may be there without being a package of Debian's.
        command -v npm >/dev/null || wanted+=(npm)
        ;;
    *) fail "unknown option '$1'; use --runtime, --build, --dev or --majors" ;;
    esac
}

list_missing() {
    missing=()
    local installed package
    # One call for all: dpkg-query complains about unknown packages, which are exactly the missing ones.
    installed=" $(dpkg-query -W -f '${db:Status-Status}:${Package} ' "${wanted[@]}" 2>/dev/null || true)"
    for package in "${wanted[@]}"; do
        [[ $installed == *" installed:$package "* ]] || missing+=("$package")
    done
}

# Prints the last lines of apt's own words only when it failed.
quietly() {
    local log
    log=$(mktemp)
    if ! "$@" >"$log" 2>&1 </dev/null; then
        tail -n 5 "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        sudo -n env "DEBIAN_FRONTEND=noninteractive" "$@"
    fi
}

install_missing() {
    export DEBIAN_FRONTEND=noninteractive
    echo "install-deps: installing ${missing[*]}" >&2
    quietly as_root apt-get -q update ||
        fail "apt-get update failed; check the network and /etc/apt/sources.list, then run this again"
    as_root mkdir -p "${no_main_cluster%/*}"
    as_root sh -c "echo 'create_main_cluster = false' > $no_main_cluster"
    if ! quietly as_root apt-get -q -y --no-install-recommends install "${missing[@]}"; then
        as_root rm -f "$no_main_cluster"
        fail "apt-get could not install ${missing[*]}; see the lines above"
    fi
    # The setting was for this installation only: the machine's owner decides about later ones.
    as_root rm -f "$no_main_cluster"
}

[ $# -le 1 ] || fail "give one option at most: --runtime, --build, --dev or --majors"
choose "$@"
command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
    fail "this is not Debian (no apt); install by hand: ${wanted[*]}"
list_missing
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" -ne 0 ] && ! sudo -n true 2>/dev/null; then
        fail "needs root to install ${missing[*]}; run it as root or allow sudo without a password"
    fi
    install_missing
    list_missing
    [ ${#missing[@]} -eq 0 ] || fail "still missing after installation: ${missing[*]}"
fi
echo "install-deps: all ${#wanted[@]} packages are there" >&2
[ "${1:-}" != --majors ] || "${BASH_SOURCE[0]%/*}/get-majors.sh"
