# workflow: long operations killed at every write of the catalogue, that is before and after each of their steps. Source it after
# cluster.bash and pgstrand.bash.
#
#   workflow_sweep STEP FIRST COMMAND    COMMAND kill:N:catalog.mdb and COMMAND killafter:N:catalog.mdb, N in steps, until one is not
#                                   killed; it sets workflow_whole=yes then
#   workflow_last DATA FILTER       of the newest workflow (jq)
#   workflow_open DATA [ELSE]       UUIDs of those that have not ended, the oldest first; where that cannot be told ELSE, or no UUID
#   workflow_left DATA NAME         the same, and those of this name that have failed

workflow_sweep() {
    local step=$1 first=$2 action n
    shift 2
    for action in kill killafter; do
        workflow_whole=no
        for ((n = first; ; n += step)); do
            "$@" "$action:$n:catalog.mdb" || complain "$* $action:$n" || return 1
            [ "$workflow_whole" = no ] || break
        done
        echo "# $* $action: killed $(((n - first) / step)) times, whole at $n" >&3
        [ "$n" -gt "$first" ] || complain "$* was never killed" || return 1
    done
}

workflow_last() {
    local id
    id=$(pgstrand workflow list --data "$1" --json | jq -r '.[-1].uuid')
    pgstrand workflow show "$id" --data "$1" --json | jq -r "$2"
}

workflow_open() {
    local list
    list=$(pgstrand workflow list --data "$1" --json) || { echo "${2-unknown}"; return; }
    jq -r '.[] | select(.status == "PENDING" or .status == "IN_PROGRESS") | .uuid' <<<"$list"
}

workflow_left() {
    pgstrand workflow list --data "$1" --json | jq -r --arg name "$2" \
        '.[] | select(.status == "PENDING" or .status == "IN_PROGRESS" or (.status == "FAILED" and .name == $name)) | .uuid'
}

# workflow_killed FAULT ARGS...: pgstrand, killed, or ended by the failure (EIO) of fail:N, or whole.
workflow_killed() {
    local fault=$1 code=0
    shift
    PGSTRAND_IO_FAULT=$fault pgstrand "$@" --quiet >/dev/null 2>"$HARNESS/killed.err" || code=$?
    case $code:$fault in
    0:*) workflow_whole=yes crash_whole=yes ;;
    137:kill* | 12:fail*) ;;
    *) complain "pgstrand $* ended with $code:" "$(<"$HARNESS/killed.err")" || return 1 ;;
    esac
}
