# The output of test_decoding (data alone, a line a message) into canonical changes: XID TABLE KIND OLD NEW, separated by tabs. OLD
# and NEW are their columns that are not NULL, name=value, in the table's order, separated by \037; "name~" is a value that did not
# change and was not sent. A message is XID PREFIX MESSAGE, nothing, CONTENT, with xid 0 when it is its own commit. pgstrand's own
# tables and messages are left out.

# One tuple: name[type]:value ..., into text; rest[] takes what follows it ("new-tuple: ...").
function tuple(s,    out, name, value, at, quote) {
    out = ""
    rest = ""
    while (s != "") {
        sub(/^ +/, "", s)
        if (s == "" || substr(s, 1, 10) == "new-tuple:") {
            rest = s
            break
        }
        at = index(s, "[")
        name = substr(s, 1, at - 1)
        at = index(s, "]:") # no type of the workload has it in its name
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
            out = out "\037" name "=" value
    }
    return substr(out, 2)
}

/^BEGIN / { xid = $2; next }
/^COMMIT / { next }
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
    print xid "\t" table "\t" kind "\t" old "\t" new
    next
}
{
    print "decoded.awk: what is this: " $0 >"/dev/stderr"
    exit 1
}
