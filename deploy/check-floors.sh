#!/usr/bin/env bash
# Rejects includes that point upward, and foreign libraries outside their adapters.
#
#   deploy/check-floors.sh [ROOT]      prints one line per fault; exit 0 when there is none
#
# Floors, lowest first: proto/base < proto < store < agent < tools. A file includes only its own floor or below; tests/ may
# include all. Quoted includes are written from the top of the tree ("proto/base/err.h"), except generated *.pb-c.h.
# Foreign headers stay where their results become status and err:
#   openssl/ in proto/base/ and store/      lmdb.h in store/         zstd in store/
#   libpq-fe.h in agent/pg/                 protobuf-c/ in proto/    ini.h in agent/      jansson.h in agent/ and tools/
# Generated *.pb-c.h are seen by proto/ (not its base), store/ and agent/.
set -euo pipefail

cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}"

folders=()
for folder in proto store agent tools tests; do
    [ -d "$folder" ] && folders+=("$folder")
done
if [ ${#folders[@]} -eq 0 ]; then
    echo "check-floors: no proto, store, agent, tools or tests under $PWD" >&2
    exit 2
fi

find "${folders[@]}" -name '*.[ch]' -print0 | sort -z |
    xargs -0 -r awk '
    function floor_of(path) {
        if (path ~ /^proto\/base\//) return 0
        if (path ~ /^proto\//) return 1
        if (path ~ /^store\//) return 2
        if (path ~ /^agent\//) return 3
        if (path ~ /^tools\//) return 4
        if (path ~ /^tests\//) return 5
        return -1
    }
    function fault(why) {
        printf "%s:%d: %s\n", FILENAME, FNR, why
        faults++
    }
    # The folders, as a pattern, that may see this foreign header; "" when it is no concern of ours.
    function home_of(header) {
        if (header ~ /^openssl\//) return "^(proto/base|store)/"
        if (header ~ /^lmdb\.h$/) return "^store/"
        if (header ~ /^(zstd|zstd_errors|zdict)\.h$/) return "^store/"
        if (header ~ /^(libpq-fe|libpq-events|postgres_ext)\.h$/) return "^agent/pg/"
        if (header ~ /^protobuf-c\//) return "^proto/[^/]*$"
        if (header ~ /^ini\.h$/) return "^agent/"
        if (header ~ /^jansson\.h$/) return "^(agent|tools)/"
        if (header ~ /\.pb-c\.h$/) return "^(proto/[^/]*$|store/|agent/)"
        return ""
    }
    FNR == 1 { mine = floor_of(FILENAME) }
    /^[ \t]*#[ \t]*include[ \t]*[<"]/ {
        quoted = $0 ~ /include[ \t]*"/
        header = $0
        sub(/^[^<"]*[<"]/, "", header)
        sub(/[>"].*$/, "", header)
        home = home_of(header)
        if (home != "") {
            if (mine < 5 && FILENAME !~ home)
                fault("<" header "> belongs to " home "; use the adapter there")
            next
        }
        if (!quoted)
            next
        theirs = floor_of(header)
        if (theirs < 0)
            fault("\"" header "\" is not written from the top of the tree")
        else if (theirs > mine)
            fault("\"" header "\" is on a higher floor")
    }
    END { exit faults > 0 }' || exit 1
