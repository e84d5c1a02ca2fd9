# Plays canonical changes (decoded.awk) into tables: the first file holds the rows at the beginning as TABLE<tab>ROW, the second the
# changes, of which the first -v limit are played. Prints TABLE<tab>ROW of what is there in the end, in no order.
# -v keys="TABLE:col,col TABLE:col": the tables with a key. All others are multisets of rows.

function key_of(table, row,    n, i, c, part, names, count, want, out) {
    count = split(keys_of[table], names, ",")
    n = split(row, part, "\037")
    out = ""
    for (i = 1; i <= count; i++) {
        want = names[i] "="
        for (c = 1; c <= n; c++)
            if (substr(part[c], 1, length(want)) == want)
                out = out "\037" part[c]
    }
    return table "\t" out
}

# The values that were not sent, out of the row before.
function whole(row, before,    n, m, i, j, part, old, name, out, value) {
    if (index(row, "~") == 0)
        return row
    n = split(row, part, "\037")
    m = split(before, old, "\037")
    out = ""
    for (i = 1; i <= n; i++) {
        value = part[i]
        if (value ~ /^[a-z]+~$/) {
            name = substr(value, 1, length(value) - 1) "="
            value = ""
            for (j = 1; j <= m; j++)
                if (substr(old[j], 1, length(name)) == name)
                    value = old[j]
            if (value == "")
                wrong("a value was not sent and was not there before: " row)
        }
        out = out "\037" value
    }
    return substr(out, 2)
}

function wrong(text) {
    print "replay.awk: change " FNR ": " text >"/dev/stderr"
    failed = 1
    exit 1
}

function put(table, row,    k) {
    k = table in keys_of ? key_of(table, row) : table "\t" row
    if (table in keys_of) {
        if (k in state)
            wrong(k " is there already")
        state[k] = row
    } else
        count[k]++
}

# Takes a row out and returns it whole.
function take(table, old,    k, row) {
    if (table in keys_of) {
        k = key_of(table, old)
        if (!(k in state))
            wrong(k " is not there")
        row = state[k]
        delete state[k]
        return row
    }
    k = table "\t" old
    if (!(k in count))
        wrong("no such row in " k)
    if (--count[k] == 0)
        delete count[k]
    return old
}

function truncate(names,    n, i, table, k, dead) {
    n = split(names, table, ",")
    for (i = 1; i <= n; i++)
        dead[table[i]] = 1
    for (k in state)
        if (substr(k, 1, index(k, "\t") - 1) in dead)
            delete state[k]
    for (k in count)
        if (substr(k, 1, index(k, "\t") - 1) in dead)
            delete count[k]
}

BEGIN {
    FS = "\t"
    n = split(keys, pair, " ")
    for (i = 1; i <= n; i++) {
        split(pair[i], half, ":")
        keys_of[half[1]] = half[2]
    }
}
FNR == NR { put($1, $2); next }
FNR > limit { exit }
$3 == "CREATE" { put($2, $5); next }
$3 == "DELETE" { take($2, $4); next }
$3 == "UPDATE" {
    before = take($2, $4 != "" ? $4 : $5)
    put($2, whole($5, before))
    next
}
$3 == "TRUNCATE" { truncate($2); next }
$3 == "MESSAGE" { next }
{ wrong("what is " $3) }
END {
    if (failed)
        exit 1
    for (k in state)
        print substr(k, 1, index(k, "\t")) state[k]
    for (k in count)
        for (i = 0; i < count[k]; i++)
            print k
}
