# regress: PostgreSQL's own regression suite against a database of ours. Source it after cluster.bash.
#
#   regress_sources                  fetches the suite once into $REGRESS_CACHE; fails when that cannot be had
#   regress_begin                    a copy of it in $HARNESS/regress that the server's role may read and write
#   regress_database DB              an empty database with the settings that the suite expects
#   regress_run DB RESULTS [OPTIONS] runs it there; what psql printed lies in RESULTS/*.out. Options are pg_regress's own
#   regress_errors RESULTS           what the application got told as an error: one line each, "TEST: ERROR: ..."
#
# The SQL comes from Debian's source package of the server's major (apt with lists of its own, the machine's are not
# touched), pg_regress from the server package; the suite's C functions are compiled against the server's headers, which
# are unpacked, not installed.

regress_major() {
    "$PG_BIN/postgres" --version | sed -n 's/^postgres (PostgreSQL) \([0-9]*\).*/\1/p'
}

# apt with its own lists: sources of the archive that the machine's own sources name.
regress_apt() {
    local place=$1
    shift
    apt-get -q -o Dir::Etc::sourcelist="$place/sources.list" -o Dir::Etc::sourceparts="$place/parts" \
        -o Dir::State="$place/apt" -o Dir::State::status="$place/apt/status" -o Dir::Cache="$place/apt/cache" \
        -o APT::Sandbox::User=root "$@"
}

regress_fetch() {
    local place=$1 major=$2 archive suite
    # deb822 or one line each; the main archive only: others (security) do not keep sources of older versions.
    archive=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
        grep -Eo 'https?://[^ ]+/debian/?( |$)' | head -n 1 | tr -d ' ')
    suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    [ -n "$archive" ] && [ -n "$suite" ] || return 1
    mkdir -p "$place/parts" "$place/apt/lists/partial" "$place/apt/cache/archives/partial"
    : >"$place/apt/status"
    printf '%s [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s %s main\n' \
        deb "$archive" "$suite" deb-src "$archive" "$suite" >"$place/sources.list"
    (
        cd "$place" && regress_apt "$place" update &&
            regress_apt "$place" source --download-only "postgresql-$major" &&
            regress_apt "$place" download "postgresql-server-dev-$major"
    ) >"$place/log" 2>&1
}

regress_build() {
    local place=$1 major=$2 include
    tar -xjf "$place/postgresql-$major"_*.orig.tar.bz2 -C "$place" --strip-components=3 --wildcards '*/src/test/regress/*' &&
        dpkg-deb -x "$place/postgresql-server-dev-$major"_*.deb "$place/dev" || return 1
    include=$place/dev/usr/include/postgresql/$major/server
    mkdir -p "$place/lib"
    gcc -O1 -w -fPIC -shared -I"$include" -o "$place/lib/regress.so" "$place/regress/regress.c" || return 1
    cp "$(dirname "$PG_BIN")"/lib/{autoinc,refint}.so "$place/lib/" || return 1
    # What a suite of another minor version prints differently does not matter: runs are compared with each other.
    rm -rf "$place/apt" "$place/dev"
}

regress_sources() {
    local major place
    major=$(regress_major)
    REGRESS_CACHE=${REGRESS_CACHE:-$PGSTRAND_ROOT/build/regress-$major}
    export REGRESS_CACHE
    PG_REGRESS=$(dirname "$PG_BIN")/lib/pgxs/src/test/regress/pg_regress
    export PG_REGRESS
    [ -x "$PG_REGRESS" ] || return 1
    [ -e "$REGRESS_CACHE/complete" ] && return
    place=$REGRESS_CACHE.new
    rm -rf "$place"
    mkdir -p "$place"
    regress_fetch "$place" "$major" && regress_build "$place" "$major" >>"$place/log" 2>&1 || {
        tail -n 5 "$place/log" >&2
        return 1
    }
    touch "$place/complete"
    mv "$place" "$REGRESS_CACHE"
}

regress_begin() {
    cp -r "$REGRESS_CACHE" "$HARNESS/regress"
    [ "$(id -u)" -ne 0 ] || chown -R postgres "$HARNESS/regress"
}

# As pg_regress itself would make it.
regress_database() {
    local setting
    sql postgres "CREATE DATABASE \"$1\" TEMPLATE template0"
    for setting in "lc_messages = 'C'" "lc_monetary = 'C'" "lc_numeric = 'C'" "lc_time = 'C'" "bytea_output = 'hex'" \
        "timezone_abbreviations = 'Default'"; do
        sql postgres "ALTER DATABASE \"$1\" SET $setting"
    done
}

# pg_regress's own verdict compares with the expected output of one version and of a server of its own: not asked here.
regress_run() {
    local db=$1 results=$2 place=$HARNESS/regress
    shift 2
    as_postgres rm -rf "$place/out"
    as_postgres mkdir "$place/out"
    [ "${1:-}" != "" ] || set -- --schedule="$place/regress/parallel_schedule"
    as_postgres "$PG_REGRESS" --use-existing --dbname="$db" --host="$(cluster_folder)" --port="$(cluster_port)" \
        --user=postgres --bindir="$(dirname "$PSQL")" --dlpath="$place/lib" --inputdir="$place/regress" \
        --outputdir="$place/out" "$@" >"$results.log" 2>&1 || true
    grep -Eq '^# ?All |tests (passed|failed)|tests passed' "$results.log" ||
        complain "the regression suite did not run to its end" "$(tail -n 5 "$results.log")" || return 1
    rm -rf "$results"
    cp -r "$place/out/results" "$results"
}

regress_errors() {
    local file
    for file in "$1"/*.out; do
        grep -aE '(ERROR|FATAL|PANIC):' "$file" | sed -E "s|^|$(basename "$file" .out): |; s/psql:[^ ]*: //"
    done
}
