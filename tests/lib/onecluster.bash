# onecluster: what most bats files begin with: a harness and one cluster for the file, and its end. Load it at the top of the file,
# before other libraries: it brings cluster.bash, pgstrand.bash and session.bash along.
#
#   cluster_settings=(GUC=VALUE...)    before the tests: settings of that cluster
#   onecluster_begin                   harness and cluster: first in a setup_file of the file's own, which takes the place of this one

source "${BASH_SOURCE[0]%/*}/cluster.bash"
source "${BASH_SOURCE[0]%/*}/pgstrand.bash"
source "${BASH_SOURCE[0]%/*}/session.bash"

onecluster_begin() {
    harness_begin
    cluster_new one "${cluster_settings[@]}"
}

setup_file() {
    onecluster_begin
}

setup() {
    untraced
}

teardown_file() {
    harness_end
}
