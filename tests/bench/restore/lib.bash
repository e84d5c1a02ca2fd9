# bench/restore: what these measurements share, on top of ../lib.bash. Source it.
#
#   options_of SCRIPT "NAME=DEFAULT..." ARGUMENTS...    --NAME VALUE sets the variable; anything else ends with 2
#   install DATA DB                    init with seal.on_stop = no
#   target_new NAME                    an empty database, everything before it on disk
#   full_of DATA                       the UUID of the newest FULL
#   cost COMMAND...                    runs it; its wall time goes to $wall, what the machine's processors worked to $busy
source "$(dirname "${BASH_SOURCE[0]}")/../lib.bash"

options_of() {
    local script=$1 defaults=$2 pair
    shift 2
    for pair in $defaults; do
        printf -v "${pair%%=*}" %s "${pair#*=}"
    done
    while [ $# -gt 1 ] && [[ " $defaults" == *" ${1#--}="* ]]; do
        printf -v "${1#--}" %s "$2"
        shift 2
    done
    [ $# -eq 0 ] || {
        echo "$script: unknown or incomplete option '$1'" >&2
        exit 2
    }
}

install() {
    printf '[seal]\non_stop = no\n' >"$HARNESS/bench.conf"
    pgstrand init --config "$HARNESS/bench.conf" --data "$1" --source "$(conninfo "$2")" --no-wal-limit --yes --no-progress
}

target_new() {
    database_new "$1"
    sql postgres CHECKPOINT
    sync
}

full_of() {
    pgstrand snapshots --data "$1" --json | jq -r '[.[] | select(.type == "full")][-1].uuid'
}

# Seconds that all processors worked since the machine started, of everybody.
processors_worked() {
    awk '/^cpu / { printf "%.2f\n", ($2 + $3 + $4 + $7 + $8) / 100 }' /proc/stat
}

cost() {
    local before
    before=$(processors_worked)
    wall=$(seconds_of "$@")
    busy=$(awk -v a="$before" -v b="$(processors_worked)" 'BEGIN { printf "%.1f", b - a }')
}
