# Canonical changes without what is not to be compared: the first file names it, TABLE or TABLE<tab>COLUMN a line; TABLE<tab>* is not
# looked for in a TRUNCATE. The columns of a row come in the order of their text, since nobody knows where those stood that were
# not sent.
function comparable(table, row,    n, part, i, k, name, kept, out) {
    n = split(row, part, "\037")
    kept = 0
    for (i = 1; i <= n; i++) {
        name = part[i]
        name = substr(name, 1, (index(name, "=") ? index(name, "=") : length(name)) - 1)
        if ((table, name) in left_out)
            continue
        for (k = kept++; k > 0 && in_order[k] > part[i]; k--)
            in_order[k + 1] = in_order[k]
        in_order[k + 1] = part[i]
    }
    out = ""
    for (i = 1; i <= kept; i++)
        out = out (i > 1 ? "\037" : "") in_order[i]
    return out
}
function truncated(names,    n, part, i, out) {
    n = split(names, part, ",")
    for (i = 1; i <= n; i++)
        if (!(part[i] in left_out) && !((part[i], "*") in left_out))
            out = out "," part[i]
    return substr(out, 2)
}
BEGIN { FS = OFS = "\t" }
FILENAME == ARGV[1] {
    left_out[NF == 1 ? $1 : $1 SUBSEP $2]
    next
}
$3 == "TRUNCATE" {
    $2 = truncated($2)
    if ($2 == "")
        next
}
$2 in left_out { next }
$3 == "CREATE" || $3 == "UPDATE" || $3 == "DELETE" {
    $4 = comparable($2, $4)
    $5 = comparable($2, $5)
}
{ print }
