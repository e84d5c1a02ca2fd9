# The rows of a rewritten table that were told again are one line in what decoded.awk makes; of what logged.jq made they are taken
# out here: as many as the witness counted. The first file is decoded.awk's, the second logged.jq's.
BEGIN { FS = OFS = "\t" }
FILENAME == ARGV[1] {
    if ($3 == "RETOLD")
        count[++known] = $5
    next
}
left > 0 { left--; next }
$4 == "TRUNCATE" && $6 ~ /rewritten/ {
    left = count[++told] + 0
    print $1, $2, "-", "RETOLD", "", left
    next
}
{ print }
