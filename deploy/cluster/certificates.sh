#!/bin/bash
# Makes the authorities and certificates of a cluster: TLS between the members of etcd, from Waypost to them, and for you.
#
#   certificates.sh DIRECTORY [SITE=NAME[,NAME|,ADDRESS]...]...
#
# Each SITE gets what its member and its node need; NAMEs and ADDRESSes are what the others reach the member by. Without
# SITEs: those of the example. What exists is kept, so that a site can be added later; to renew a certificate, delete it
# and run this again. Keep DIRECTORY/ca off the machines that answer: its keys make members and operators.
#
#   DIRECTORY/ca            the two authorities and their keys
#   DIRECTORY/SITE/etcd     for /etc/etcd/tls on the member's machine
#   DIRECTORY/SITE/waypost  for /etc/waypost/tls on the node's machine
#   DIRECTORY/operator      for etcdctl: its name is root, the user who may do everything
#
# WAYPOST_CERT_DAYS says how long certificates last (default 730); the authorities last ten years.
set -euo pipefail
umask 077

if [ $# -lt 1 ] || [[ $1 == -* ]]; then
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0" >&2
    exit 2
fi
directory=$1
shift
[ $# -gt 0 ] || set -- fra=etcd-fra.example.net iad=etcd-iad.example.net nrt=etcd-nrt.example.net
days=${WAYPOST_CERT_DAYS:-730}

# Runs openssl and shows what it said only where it failed.
quietly() {
    local said
    said=$(openssl "$@" 2>&1) || { printf '%s\n' "openssl $1 failed:" "$said" >&2; return 1; }
}

# authority FILE NAME: FILE.pem and FILE-key.pem.
authority() {
    [ ! -e "$1.pem" ] || return 0
    quietly req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj "/O=Waypost/CN=$2" \
        -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign \
        -keyout "$1-key.pem" -out "$1.pem.new"
    mv "$1.pem.new" "$1.pem"
}

# certificate FILE AUTHORITY SUBJECT USES [NAMES]: FILE.pem and FILE-key.pem.
certificate() {
    [ ! -e "$1.pem" ] || return 0
    local extensions
    extensions="basicConstraints=critical,CA:FALSE"$'\n'"keyUsage=critical,digitalSignature"$'\n'"extendedKeyUsage=$4"
    [ -z "${5:-}" ] || extensions+=$'\n'"subjectAltName=$5"
    quietly req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "$3" -keyout "$1-key.pem" -out "$1.csr"
    quietly x509 -req -in "$1.csr" -CA "$2.pem" -CAkey "$2-key.pem" -set_serial "0x$(openssl rand -hex 16)" \
        -days "$days" -extfile <(printf '%s\n' "$extensions") -out "$1.pem.new"
    mv "$1.pem.new" "$1.pem"
    rm "$1.csr"
}

# names NAME,ADDRESS: as subjectAltName has them.
names() {
    local name list=()
    IFS=, read -ra list <<<"$1"
    for name in "${list[@]}"; do
        if [[ $name =~ ^[0-9.]+$ || $name == *:* ]]; then printf 'IP:%s,' "$name"; else printf 'DNS:%s,' "$name"; fi
    done
}

ca=$directory/ca
mkdir -p "$ca" "$directory/operator"
# Two of them: whoever may talk to the store must not be able to pose as a member of it.
authority "$ca/ca" "etcd clients and servers"
authority "$ca/peer-ca" "etcd peers"
certificate "$directory/operator/client" "$ca/ca" "/O=Waypost/CN=root" clientAuth
cp "$ca/ca.pem" "$directory/operator/ca.pem"

for site in "$@"; do
    if ! [[ $site =~ ^([a-z0-9-]+)=([^=]+)$ ]]; then
        echo "found '$site'; expected SITE=NAME, as in fra=etcd-fra.example.net" >&2
        exit 2
    fi
    name=${BASH_REMATCH[1]}
    reached=$(names "${BASH_REMATCH[2]}")
    member=$directory/$name/etcd
    node=$directory/$name/waypost
    mkdir -p "$member" "$node"
    # A member passes on what comes by HTTP with its own certificate, so that it is a client too. A common name would be taken
    # for that of a user, which by HTTP nobody is by certificate: etcd refuses clients that have one.
    certificate "$member/server" "$ca/ca" "/O=Waypost/OU=etcd in $name" serverAuth,clientAuth "${reached}DNS:localhost,IP:127.0.0.1,IP:::1"
    certificate "$member/peer" "$ca/peer-ca" "/O=Waypost/CN=etcd-$name" serverAuth,clientAuth "${reached%,}"
    certificate "$node/client" "$ca/ca" "/O=Waypost/OU=node in $name" clientAuth
    cp "$ca/ca.pem" "$ca/peer-ca.pem" "$member/"
    cp "$ca/ca.pem" "$node/"
done
