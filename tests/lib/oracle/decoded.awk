# The output of test_decoding (its data alone, a \036 before each message) into canonical changes: XID TABLE KIND OLD NEW, separated
# by tabs; a tab or line's end in a value is \t or \n. OLD and NEW are their columns that are not NULL, name=value, in the table's
# order, separated by \037, names without quotes; "name~" is a value that did not change and was not sent. NEW of a TRUNCATE are its
# flags. A message is XID PREFIX MESSAGE, nothing, CONTENT, with xid 0 when it is its own commit. pgstrand's own tables and messages
# are left out, but that the rows of a rewritten table were told again: XID "-" RETOLD, nothing, how many.

function unquoted(s) {
    if (index(s, "\"") > 0) {
        gsub(/""/, "\001", s)
        gsub(/"/, "", s)
        gsub(/\001/, "\"", s)
    }
    return s
}

# Where the quoted name that a text begins with ends.
function after_quoted(s,    at) {
    at = 2
    for (;;) {
        at += index(substr(s, at), "\"")
        if (substr(s, at, 1) != "\"")
            return at
        at++
    }
}

function one_line(s) {
    if (index(s, "\n") > 0)
        gsub(/\n/, "\\n", s)
    if (index(s, "\t") > 0)
        gsub(/\t/, "\\t", s)
    return s
}

# A value that test_decoding does not print as the type's own text.
function plain(value, type) {
    if (type == "boolean")
        return substr(value, 1, 1)
    return substr(value, 1, 2) == "B'" ? substr(value, 3, length(value) - 3) : value
}

# One tuple: name[type]:value ..., into text; rest takes what follows it ("new-tuple: ...").
function tuple(s,    out, name, value, at, type) {
    out = rest = ""
    if (s == "(no-tuple-data)")
        return ""
    while (s != "") {
        sub(/^ +/, "", s)
        if (s == "" || substr(s, 1, 10) == "new-tuple:") {
            rest = s
            break
        }
        at = substr(s, 1, 1) == "\"" ? after_quoted(s) : index(s, "[")
        name = unquoted(substr(s, 1, at - 1))
        s = substr(s, at + 1)
        at = index(s, "]:")
        type = substr(s, 1, at - 1)
        s = substr(s, at + 2)
        if (substr(s, 1, 1) == "'") {
            value = ""
            s = substr(s, 2)
            while ((at = index(s, "'")) > 0) {
                value = value substr(s, 1, at - 1)
                s = substr(s, at + 1)
                if (substr(s, 1, 1) != "'")
                    break
                value = value "'"
                s = substr(s, 2)
            }
            out = out "\037" name "=" value
            continue
        }
        at = index(s, " ")
        value = at == 0 ? s : substr(s, 1, at - 1)
        s = at == 0 ? "" : substr(s, at)
        if (value == "unchanged-toast-datum")
            out = out "\037" name "~"
        else if (value != "null")
            out = out "\037" name "=" plain(value, type)
    }
    return substr(out, 2)
}

BEGIN { RS = "\036" }
{ sub(/\n$/, "") }
$0 == "" { next }
/^BEGIN / { xid = $2; next }
/^COMMIT / { next }
/^message: transactional: 1 prefix: pgstrand\.retold, / {
    kind = substr($0, index($0, "content:") + 8, 1)
    if (kind == "E")
        print xid "\t-\tRETOLD\t\t" retold
    retold = kind == "R" ? 0 : retold + 1
    next
}
/^message: .* prefix: pgstrand\./ { next }
/^message: transactional: [01] prefix: [a-z]+, sz: [0-9]+ content:/ {
    at = index($0, "content:")
    print ($3 == 1 ? xid : 0) "\t" substr($5, 1, length($5) - 1) "\tMESSAGE\t\t" substr($0, at + 8)
    next
}
/^table pgstrand\./ { next }
/^table / {
    at = index($0, ": ")
    table = substr($0, 7, at - 7)
    s = substr($0, at + 2)
    at = index(s, ":")
    kind = substr(s, 1, at - 1)
    s = substr(s, at + 2)
    old = new = ""
    if (kind == "TRUNCATE") {
        gsub(/, /, ",", table)
        new = (index(s, "cascade") ? "cascade " : "") (index(s, "restart_seqs") ? "restart " : "")
    } else if (kind == "INSERT") {
        kind = "CREATE"
        new = tuple(s)
    } else if (kind == "DELETE") {
        old = tuple(s)
    } else if (substr(s, 1, 8) == "old-key:") {
        old = tuple(substr(s, 9))
        new = tuple(substr(rest, 11))
    } else {
        new = tuple(s)
    }
    print xid "\t" unquoted(table) "\t" kind "\t" one_line(old) "\t" one_line(new)
    next
}
{
    print "decoded.awk: what is this: " $0 >"/dev/stderr"
    exit 1
}
