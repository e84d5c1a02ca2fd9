# show: how deploy/run.sh and the tour speak. Source it; it only defines functions.
#
#   show_title TEXT      show_step TEXT       show_fact NAME VALUE      show_note TEXT
#   show_bytes N         1.5 MiB              show_count N              12,345
#   show_since START     seconds since a value of `show_clock`, such as 1.2 s
#   die TEXT             one line on stderr, exit 1

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\e[1m' dim=$'\e[2m' green=$'\e[32m' red=$'\e[31m' plain=$'\e[0m'
else
    bold='' dim='' green='' red='' plain=''
fi

show_title() {
    printf '\n%s%s%s\n' "$bold" "$1" "$plain"
}

step=0
show_step() {
    step=$((step + 1))
    printf '\n%s%2d. %s%s\n' "$bold" "$step" "$1" "$plain"
}

show_fact() {
    printf '      %-34s %s\n' "$1" "$2"
}

show_note() {
    printf '    %s%s%s\n' "$dim" "$1" "$plain"
}

# The claim is true, because the command said so.
show_ok() {
    printf '    %s✔%s %s\n' "$green" "$plain" "$1"
}

show_bytes() {
    awk -v n="$1" 'BEGIN {
        split("B KiB MiB GiB TiB", unit, " ")
        for (i = 1; n >= 1024 && i < 5; i++) n /= 1024
        printf (i == 1 ? "%d %s" : "%.1f %s"), n, unit[i]
    }'
}

show_count() {
    sed ':again; s/\([0-9]\)\([0-9]\{3\}\)\($\|,\)/\1,\2\3/; t again' <<<"$1"
}

show_clock() {
    date +%s%N
}

show_since() {
    awk -v a="$1" -v b="$(show_clock)" 'BEGIN { printf "%.1f s", (b - a) / 1e9 }'
}

die() {
    printf '%s%s: %s%s\n' "$red" "${0##*/}" "$1" "$plain" >&2
    exit 1
}
