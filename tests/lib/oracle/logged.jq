# `pgstrand log --json` into SEQ and then what decoded.awk makes: XID TABLE KIND OLD NEW. A value that was not sent stands where its
# column is in the row, which only the row before knows: those of the workload's tables are told here, others' stand at the end. The
# rows of a rewritten table that were told again follow a TRUNCATE that says "rewritten" (retold.awk).
def order: {"public.doc": ["id", "body", "n"], "public.pile": ["a", "body", "n"]};
def row($names; $missing):
    . as $row
    | [$names[] | . as $name
       | if ($missing | index($name)) then "\($name)~"
         elif $row[$name] == null then empty
         else "\($name)=\($row[$name])" end]
    | join("\u001f");
def one_line: if contains("\n") or contains("\t") then gsub("\n"; "\\n") | gsub("\t"; "\\t") else . end;
def row: if . == null then "" else row(keys_unsorted; []) end;
def new:
    .unchanged as $missing
    | if $missing == null then (.new | row)
      else order[.table] as $order | .new | row($order // keys_unsorted + $missing; $missing) end;
def flags:
    (if .cascade then "cascade " else "" end) + (if .restart_identity then "restart " else "" end)
    + (if .rewritten then "rewritten " else "" end);
select(.kind != "DDL" and (.kind == "MESSAGE" and (.prefix | startswith("pgstrand.")) | not))
| if .kind == "MESSAGE" then [.seq, .xid, .prefix, .kind, "", .content]
  elif .kind == "TRUNCATE" then [.seq, .xid, (.tables | join(",")), .kind, "", flags]
  else [.seq, .xid, .table, .kind, (.old | row | one_line), (new | one_line)] end
| map(tostring) | join("\t")
