# What the files of hack/onenode share: where everything is, and how a program of the node is started and ended.
# Sourced by hack/onenode/node and the parts beside it.
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
programs=$("$here/../kube/build" folder)
# One cluster on a machine: the addresses are fixed, and so is the folder, so that `down` finds what `up` left.
run=${XDG_CACHE_HOME:-$HOME/.cache}/tradefleet/onenode
pki=$run/pki
node=tradefleet-node
node_ip=10.210.0.1 host_ip=10.210.0.2
services=10.96.0.0/16 kubernetes_ip=10.96.0.1 dns_ip=10.96.0.10 pods=10.244.0.0/24
socket=$run/containerd.sock
export KUBECONFIG=$pki/admin.kubeconfig
kubectl=$programs/kubectl

say() { echo "onenode: $*" >&2; }
fail() { say "$*"; exit 1; }
# Not `ip netns exec`: it would put a fresh /sys without cgroups over the machine's.
in_network=(nsenter --net="/var/run/netns/$node")
images() { ctr --address "$socket" --namespace k8s.io "$@"; }

# Field 22 of /proc/PID/stat: when it began. With it a process id that was given away again is not ours.
begun() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20; }

start() { # NAME COMMAND...: its log and its process id stand in $run
    local name=$1
    shift
    setsid "$@" >>"$run/log/$name.log" 2>&1 </dev/null &
    echo "$! $(begun $!)" >"$run/$name.pid"
    disown
}

pid_of() { # NAME: its process id while it is the one that was started, else nothing
    local pid when
    read -r pid when 2>/dev/null <"$run/$1.pid" || return 0
    [ -n "$when" ] && [ "$(begun "$pid")" = "$when" ] && echo "$pid" || true
}

end() { # NAME SIGNAL: and wait up to two seconds, then SIGKILL; kube-apiserver would drain for a minute
    local pid
    pid=$(pid_of "$1")
    rm -f "$run/$1.pid"
    [ -n "$pid" ] || return 0
    kill "-$2" "$pid" 2>/dev/null || return 0
    for _ in $(seq 20); do
        kill -0 "$pid" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
}

wait_for() { # WHAT SECONDS COMMAND...
    local what=$1 tries=$(($2 * 5))
    shift 2
    for _ in $(seq "$tries"); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.2
    done
    fail "$what: not within $((tries / 5)) s; the logs are in $run/log"
}
