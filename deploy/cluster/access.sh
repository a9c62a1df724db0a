#!/bin/bash
# Gives the nodes a user in etcd that may read and write below one prefix and nothing else, and turns access control on.
# Run it once, after certificates.sh and when the members are up; a second time it changes nothing.
#
#   ETCDCTL_ENDPOINTS=https://etcd-fra.example.net:2379 access.sh DIRECTORY [PREFIX]
#
# DIRECTORY is that of certificates.sh. The password is made there, as operator/etcd.pw, and copied to each SITE/waypost.
# PREFIX is that of [state.etcd] (default /waypost/prod).
set -euo pipefail
umask 077

if [ $# -lt 1 ] || [ $# -gt 2 ] || [[ $1 == -* ]]; then
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
fi
directory=$1 prefix=${2:-/waypost/prod}
password=$directory/operator/etcd.pw
export ETCDCTL_API=3 ETCDCTL_CACERT=$directory/operator/ca.pem
export ETCDCTL_CERT=$directory/operator/client.pem ETCDCTL_KEY=$directory/operator/client-key.pem

[ -s "$password" ] || openssl rand -hex 24 >"$password"

# Members that have just started may be busy with each other.
etcdctl() { command etcdctl --command-timeout=30s "$@"; }

# Runs what makes a user or role, unless etcd has it.
unless_there() {
    local kind=$1 name=$2 known
    shift 2
    known=$(etcdctl "$kind" list)
    grep -qxF -- "$name" <<<"$known" || "$@"
}

# Whoever has the operator's certificate is root, without a password.
unless_there user root etcdctl user add root --no-password
etcdctl user grant-role root root
unless_there role waypost etcdctl role add waypost
etcdctl role grant-permission waypost readwrite --prefix "$prefix/"
unless_there user waypost etcdctl user add waypost --interactive=false <"$password"
etcdctl user grant-role waypost waypost
etcdctl auth enable

for node in "$directory"/*/waypost; do
    cp "$password" "$node/etcd.pw"
done
