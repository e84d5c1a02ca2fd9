#!/usr/bin/env bash
# Rejects a source file that its folder's README does not name, and a README that names a file which is not there.
#
#   deploy/check-readmes.sh [ROOT]     prints one line per fault; exit 0 when there is none
#
# A folder without a README belongs to the nearest one above. A README names files in backticks (`io.h`, `lib/cluster.bash`,
# `glob.{h,c}`) and in the first column of tables headed file, here, script or by a folder ("plan/", whose files then follow),
# there also without endings and backticks. A header and the source of its name are one thing: naming either will do. A folder
# ("oracle/") stands for all that is in it, NAME and X for any word.
# Not asked for: unit tests and fuzz targets, which are named after what they test, and data.
set -euo pipefail

cd "${1:-$(dirname "${BASH_SOURCE[0]}")/..}"

folders=()
for folder in proto store agent tools deploy tests; do
    [ ! -d "$folder" ] || folders+=("$folder")
done
mapfile -t readmes < <([ ${#folders[@]} -eq 0 ] || find "${folders[@]}" -name README.md | sort)
if [ ${#readmes[@]} -eq 0 ]; then
    echo "check-readmes: no README.md in proto, store, agent, tools, deploy or tests under $PWD" >&2
    exit 2
fi

find "${folders[@]}" -type f | sort | awk '
    function fault(where, why) {
        print where ": " why
        faults++
    }
    function folder_of(path) {
        return sub(/\/[^\/]*$/, "", path) ? path : "."
    }
    function stem_of(path) {
        sub(/\.[a-z]+$/, "", path)
        return path
    }
    # By its whole path and by every end of it: "agent/pg/slot.h", "pg/slot.h", "slot.h".
    function know(path) {
        do {
            there[path]
            stems[stem_of(path)]
        } while (sub(/^[^\/]*\//, "", path) && path != "")
    }
    # A README of this folder says this name; a bare one may lack its ending.
    function named(folder, name, bare, where, parts, n, i, brace) {
        if ((brace = index(name, "{")) > 0) {
            n = split(substr(name, brace + 1, length(name) - brace - 1), parts, ",")
            for (i = 1; i <= n; i++)
                named(folder, substr(name, 1, brace - 1) parts[i], bare, where)
            return
        }
        while (sub(/^\.\.\//, "", name))
            folder = folder_of(folder)
        if (name ~ /(^|[_\/])(NAME|X)([_.]|$)/) {
            name = stem_of(folder "/" name)
            sub(/NAME|X/, "[a-z0-9]+", name)
            patterns[name]
        } else if ((name in there) || (bare && (name in stems)))
            names[stem_of(folder "/" name)]
        else if (bare || name ~ /[^\/]\.(c|h|sql|proto|sh|bash|bats|md)$/)
            fault(where, "there is no " name)
    }
    function all_named(folder, text, bare, where, name) {
        gsub(/\*\.[a-z]+/, "", text)
        while (match(text, /[A-Za-z0-9_@.][A-Za-z0-9_@.\/-]*([{][a-z,]+[}])?/)) {
            name = substr(text, RSTART, RLENGTH)
            text = substr(text, RSTART + RLENGTH)
            named(folder, name, bare, where)
        }
    }

    # The files come first, then the READMEs.
    FILENAME == "-" {
        files[++count] = $0
        know($0)
        for (folder = folder_of($0); folder != "."; folder = folder_of(folder))
            know(folder "/")
        next
    }
    FNR == 1 { home = folder_of(FILENAME); readmes[home]; table = quoted = 0 }
    /^```/ { quoted = !quoted }
    quoted { next }
    {
        where = FILENAME ":" FNR
        split($0, cells, "|")
        first = /^\|/ ? cells[2] : ""
        gsub(/^ +| +$|`/, "", first)
    }
    !/^\|/ { table = 0; place = home }
    /^\|/ && !table {
        table = 1
        list = first ~ /^(file|here|script|folder)$/ || first ~ /\/$/
        place = first ~ /\/$/ ? home "/" substr(first, 1, length(first) - 1) : home
        if (first ~ /\/$/ && !((place "/") in there))
            fault(where, "there is no " first)
        next
    }
    table && list && first !~ /^:?-+:?$/ { all_named(place, first, 1, where) }
    {
        n = split($0, spans, "`")
        for (i = 2; i <= n; i += 2)
            if (spans[i] !~ / /)
                all_named(home, spans[i], 0, where)
    }

    function is_named(path, readme, folder, pattern) {
        if (stem_of(path) in names)
            return 1
        for (folder = folder_of(path); length(folder) > length(readme); folder = folder_of(folder))
            if ((folder "/") in names)
                return 1
        for (pattern in patterns)
            if (stem_of(path) ~ ("^" pattern "$"))
                return 1
        return 0
    }
    END {
        for (i = 1; i <= count; i++) {
            path = files[i]
            if (path !~ /\.(c|h|sql|proto|sh|bash|bats|md)$/ || path ~ /README\.md$/ || path ~ /^tests\/(unit|fuzz|data)\//)
                continue
            readme = folder_of(path)
            while (!(readme in readmes) && readme != ".")
                readme = folder_of(readme)
            if (readme == ".")
                fault(path, "no README is near")
            else if (!is_named(path, readme))
                fault(path, "is not named in " readme "/README.md")
        }
        exit faults > 0
    }' - "${readmes[@]}" || exit 1
