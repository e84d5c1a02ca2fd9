# report: counts and prints what tests/run.sh runs. Source it; it only defines functions and three counters.
#
#   report_section TITLE
#   report_passed NAME COUNT SECONDS       report_failed NAME LOG [COUNT]      report_not_run NAME WHY
#   report_ctest LOG                       from `ctest -V` of cmocka programs
#   report_bats FILE LOG                   from bats' TAP; LOG.exit and LOG.seconds lie beside it
#   report_expected NAME FILE LOG          what was to run and left no such file has failed; returns 1 then
#   report_end SECONDS                     the summary; returns 1 when something failed

passed=0
failed=0
skipped=0
failures=()
left_out=()

report_section() {
    printf '\n== %s\n' "$1"
}

report_passed() {
    passed=$((passed + $2))
    printf '  ok      %-48s %3d passed  %4d s\n' "$1" "$2" "$3"
}

# The end of a log, or the first thing that a compiler or sanitizer said: enough to act on without opening it.
excerpt() {
    local at
    at=$(grep -En 'Sanitizer: |runtime error: |: (fatal )?error: |undefined reference' "$1" | head -n 1 | cut -d : -f 1)
    if [ -n "$at" ]; then
        sed -n "$at,$((at + 15))p" "$1"
    else
        tail -n 30 "$1"
    fi
}

report_failed() {
    failed=$((failed + ${3:-1}))
    failures+=("$1 (${2#"$PWD"/})")
    printf '  FAILED  %s\n' "$1"
    [ ! -s "$2" ] || excerpt "$2" | cut -c 1-240 | sed 's/^/          | /'
}

report_skipped() {
    skipped=$((skipped + 1))
    left_out+=("$1: $2")
    printf '  skipped %s: %s\n' "$1" "$2"
}

report_expected() {
    [ ! -e "$2" ] || return 0
    report_failed "$1 (gave no result)" "$3"
    return 1
}

# Left out by choice of options: named at the end, not counted.
report_not_run() {
    left_out+=("$1: $2")
}

# cmocka prints "[       OK ] name" and "[  FAILED  ] name" for cases; ctest -V puts "N: " in front, N being the program. A
# program that crashes or leaks without a failed case counts as one failure.
report_ctest() {
    local log=$1 number name result ok bad case_log
    grep -Eq '^ *[0-9]+/[0-9]+ Test ' "$log" || {
        report_failed "unit tests (ctest ran none)" "$log"
        return
    }
    while read -r number name result; do
        case_log=$log.$name
        grep -E "^$number: " "$log" | sed "s/^$number: //" >"$case_log"
        ok=$(grep -c '^\[       OK \]' "$case_log")
        bad=$(sed -n 's/^\[  FAILED  \] //p' "$case_log" | grep -v 'test(s)' | sort -u | wc -l)
        while read -r skip; do
            report_skipped "$name: $skip" "says the test"
        done < <(sed -n 's/^\[  SKIPPED \] //p' "$case_log" | grep -v 'test(s)' | sort -u)
        if [ "$result" = Passed ] && [ "$ok" -gt 0 ]; then
            report_passed "$name" "$ok" 0
        else
            passed=$((passed + ok))
            report_failed "$name ($result)" "$case_log" $((bad > 0 ? bad : 1))
        fi
    done < <(sed -En 's@^ *[0-9]+/[0-9]+ Test +#([0-9]+): ([^ ]+) \.*[ *]*(Passed|Failed|Timeout|Not Run|[A-Z][A-Za-z]*).*@\1 \2 \3@p' "$log")
}

# "1..N", "ok 3 name in 12ms", "not ok 4 name", "ok 5 name # skip why". Fewer results than planned is a failure of the rest.
report_bats() {
    local name log=$2 plan ok bad skip line rest
    name=$(basename "$1" .bats)
    plan=$(sed -n 's/^1\.\.\([0-9]*\)$/\1/p' "$log" | head -n 1)
    skip=$(grep -Ec '^ok [0-9]+ .*# skip' "$log")
    ok=$(($(grep -Ec '^ok [0-9]+ ' "$log") - skip))
    bad=$(grep -Ec '^not ok [0-9]+ ' "$log")
    rest=$((${plan:-0} - ok - bad - skip))
    while read -r line; do
        report_skipped "$name: ${line%%# skip*}" "${line#*# skip}"
    done < <(sed -En 's/^ok [0-9]+ (.*# skip.*)$/\1/p' "$log")
    if [ "$bad" -eq 0 ] && [ "$rest" -eq 0 ] && [ "${plan:-0}" -gt 0 ] && [ "$(<"$log.exit")" -eq 0 ]; then
        report_passed "$name" "$ok" "$(<"$log.seconds")"
        return
    fi
    passed=$((passed + ok))
    [ "$rest" -le 0 ] || left_out+=("$name: $rest of its tests did not get their turn")
    bad=$((bad + (rest > 0 ? rest : 0)))
    report_bats_failures "$name" "$log" $((bad > 0 ? bad : 1))
}

# Only the failed tests' own lines: the log of a long file would bury them.
report_bats_failures() {
    local part=$2.failed
    awk '/^not ok / { show = 1 } /^ok / { show = 0 } /^1\.\./ { next } show || /^bats/ || !/^(ok|not ok|#)/ { print }' "$2" >"$part"
    [ -s "$part" ] || cp "$2" "$part"
    report_failed "$1" "$part" "$3"
    local line
    while read -r line; do
        failures+=("    $line")
    done < <(sed -En 's/^not ok [0-9]+ //p' "$2")
}

report_end() {
    local line
    printf '\n== Summary (%d min %02d s)\n' $(($1 / 60)) $(($1 % 60))
    if [ ${#left_out[@]} -gt 0 ]; then
        echo "  not run:"
        printf '    %s\n' "${left_out[@]}"
    fi
    if [ ${#failures[@]} -gt 0 ]; then
        echo "  failed:"
        printf '    %s\n' "${failures[@]}"
    fi
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}
