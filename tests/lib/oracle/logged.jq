# `pgstrand log --json` into SEQ and then what decoded.awk makes: XID TABLE KIND OLD NEW. A value that was not sent stands where its
# column is in the row, which only the row before knows: those of the workload's tables are told here.
def order: {"public.doc": ["id", "body", "n"], "public.pile": ["a", "body", "n"]};
def row($names; $missing):
    . as $row
    | [$names[] | . as $name
       | if ($missing | index($name)) then "\($name)~"
         elif $row[$name] == null then empty
         else "\($name)=\($row[$name])" end]
    | join("\u001f");
def row: if . == null then "" else row(keys_unsorted; []) end;
def new:
    .unchanged as $missing
    | if $missing == null then (.new | row) else .table as $table | .new | row(order[$table]; $missing) end;
select(.kind != "DDL" and (.kind == "MESSAGE" and (.prefix | startswith("pgstrand.")) | not))
| if .kind == "MESSAGE" then [.seq, .xid, .prefix, .kind, "", .content]
  else [.seq, .xid, (if .kind == "TRUNCATE" then (.tables | join(",")) else .table end), .kind, (.old | row), new] end
| map(tostring) | join("\t")
